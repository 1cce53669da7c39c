//! One group with its members.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::approval::{Email, GroupName};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::managed::Managed;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::{in_path, joined};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{GroupMembers, HubError, MembersInput};
use crate::store::people::Person;

#[derive(Template)]
#[template(path = "pages/settings/group.html")]
struct GroupPage {
    shell: Shell,
    frame: Frame,
    name: String,
    form: Form,
    members: Vec<Member>,
    claims: String,
    is_managed: bool,
    managed: Option<Managed>,
    /// How many are here, if it is only one or none.
    few: Option<usize>,
}

/// A member.
struct Member {
    email: String,
    /// The address as part of a path.
    path: String,
    name: String,
    is_away: bool,
    says: String,
    /// How the person became a member: by name, or by a sign-in.
    from: String,
    is_listed: bool,
}

impl Member {
    fn of(email: &Email, known: Option<&Person>, from: String, is_listed: bool, viewer: &Viewer) -> Self {
        let absence =
            known.and_then(|person| person.absence.as_ref()).filter(|absence| absence.covers(viewer.reader.now));
        let says = absence.map(|absence| {
            let until =
                absence.until.map(|until| format!(" until {}", viewer.reader.time(until).shown)).unwrap_or_default();
            let stand_in = absence.delegate.as_ref();
            let stand_in = stand_in.map_or_else(|| "nobody stands in".to_owned(), |one| format!("{one} stands in"));
            format!("away{until}, {stand_in}")
        });
        Self {
            path: in_path(email.as_str()),
            email: email.to_string(),
            name: known.map(|person| person.name.clone()).unwrap_or_default(),
            is_away: says.is_some(),
            says: says.unwrap_or_else(|| "here".to_owned()),
            from,
            is_listed,
        }
    }
}

fn members(found: &GroupMembers, viewer: &Viewer) -> Vec<Member> {
    let known = |email: &Email| found.people.iter().find(|person| person.email == *email);
    let group = &found.view.group;
    let how = if group.managed_by.is_some() { "the directory" } else { "listed" };
    let listed = group.members.iter().map(|email| Member::of(email, known(email), how.to_owned(), true, viewer));
    let by_claim = found.view.by_claim.iter().filter(|member| !group.members.contains(&member.person)).map(|member| {
        let until = viewer.reader.time(member.fresh_until).shown;
        let fresh = if member.fresh_until > viewer.reader.now {
            format!("votes until {until}")
        } else {
            "must sign in again".to_owned()
        };
        Member::of(&member.person, known(&member.person), format!("a claim, {fresh}"), false, viewer)
    });
    listed.chain(by_claim).collect()
}

async fn group_page(app: &App, viewer: &Viewer, name: &GroupName, form: Form) -> Result<GroupPage, HubError> {
    let found = app.hub.group_with_people(&viewer.caller, name).await?;
    let (shell, frame) = Frame::of(app, viewer, Section::Groups).await?;
    let members = members(&found, viewer);
    let here = members.iter().filter(|member| !member.is_away).count();
    Ok(GroupPage {
        shell,
        frame,
        name: name.to_string(),
        form,
        members,
        claims: joined(&found.view.group.from_claim, ""),
        is_managed: found.view.group.managed_by.is_some(),
        managed: Managed::of(app, viewer, "group", name.as_str()).await?,
        few: (here < 2).then_some(here),
    })
}

/// `GET /settings/groups/{name}`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<GroupName>,
    query: PageQuery,
) -> PageResult {
    let page = group_page(&app, &viewer, &name, Form::default()).await?;
    let frame = page.frame.after(&query);
    Ok(page_response(StatusCode::OK, &GroupPage { frame, ..page }))
}

/// `POST /settings/groups/{name}/members`: adds or removes one member.
pub(in crate::http::pages::settings) async fn change_members(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<GroupName>,
    form: PostedForm,
) -> PageResult {
    match changed(&app, &viewer, &name, &form).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = group_page(&app, &viewer, &name, Form::refused(&form, &problem)).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn changed(app: &App, viewer: &Viewer, name: &GroupName, form: &PostedForm) -> Result<Response, Problem> {
    let invalid = |text: &str| HubError::invalid(Code::InvalidValue, "/add", format!("{text} is no e-mail address"));
    let read = |text: &str| text.trim().parse::<Email>().map_err(|_| invalid(text.trim()));
    let mut members = app.hub.group(&viewer.caller, name).await?.group.members;
    let done = match (form.filled("remove"), form.get("add").unwrap_or_default()) {
        (Some(member), _) => {
            members.remove(&read(member)?);
            "removed"
        }
        (None, member) => {
            members.insert(read(member)?);
            "added"
        }
    };
    app.hub.put_group_members(&viewer.caller, name.clone(), MembersInput { members }).await.map_err(|error| {
        match Problem::from(error) {
            problem if problem.pointer().is_empty() => Problem::new(problem.code(), problem.detail()).at("/add"),
            problem => problem,
        }
    })?;
    Ok(went_well(&format!("/settings/groups/{name}"), done))
}

/// `POST /settings/groups/{name}/delete`
pub(in crate::http::pages::settings) async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<GroupName>,
    _: PostedForm,
) -> PageResult {
    app.hub.delete_group(&viewer.caller, name).await?;
    Ok(went_well(Section::Groups.path(), "deleted"))
}

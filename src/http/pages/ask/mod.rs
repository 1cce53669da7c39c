//! The page on which people without a pipeline ask: a form, with what would happen beside it.

mod context;
mod form;
mod verdict;

use askama::Template;
use askama::filters::Safe;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use self::context::{Form, Property, Shape, choice};
use self::form::{Errors, TIMEOUTS, Typed, UNITS, place_of};
use self::verdict::Verdict;
use super::layout::{PageError, PageResult, page_response};
use super::reader::brief;
use super::shell::{Place, Shell};
use super::sign_in::redirect;
use super::viewer::{PostedForm, Viewer};
use crate::approval::Status;
use crate::channels::text::{Listing, Part, exact};
use crate::codes::Code;
use crate::http::App;
use crate::hub::{Askable, HubError, IdempotencyKey, RequestView};
use crate::ids::{GrantId, RequestId};
use crate::random;

/// Most resources in the list; with more, the name is typed.
const LISTED: u32 = 500;
/// Most lines that a sentence names.
const NAMED: usize = 10;

#[derive(Template)]
#[template(path = "pages/ask.html")]
struct AskPage {
    shell: Shell,
    typed: Typed,
    errors: Errors,
    /// The resources to choose from; none if there are too many to list.
    resources: Option<Vec<Askable>>,
    /// The chosen one.
    about: Option<Askable>,
    shape: Shape,
    verdict: Option<Verdict>,
    /// Why the form is filled.
    origin: Option<Origin>,
    /// Whether the form has already made a request, with other contents.
    made: bool,
    /// Ties repeated sends together.
    key: String,
    nonce: String,
}

/// Only what would happen, for the script.
#[derive(Template)]
#[template(path = "pages/ask_verdict.html")]
struct VerdictPart {
    errors: Errors,
    shape: Shape,
    verdict: Option<Verdict>,
}

/// Where the fields of the form are from.
enum Origin {
    /// An earlier request.
    Like(RequestId),
    /// Access that ends: until when, in words and exactly.
    Extends(String, String),
}

/// What to mend, with the place.
struct Mend {
    id: String,
    label: String,
    detail: String,
}

/// `GET /ask`: empty, or filled from `like` (a request) or `extends` (a grant).
pub(in crate::http) async fn show(State(app): State<App>, viewer: Viewer, RawQuery(query): RawQuery) -> PageResult {
    let given = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let (mut origin, mut like) = (None, None);
    if let Some(text) = given("like") {
        let id: RequestId = text.parse().map_err(|_| HubError::NotFound("request"))?;
        like = Some(app.hub.show(&viewer.caller, id).await?);
        origin = Some(Origin::Like(id));
    } else if let Some(text) = given("extends") {
        let id: GrantId = text.parse().map_err(|_| HubError::NotFound("grant"))?;
        let grant = app.hub.grant(&viewer.caller, id).await?;
        let mut request = app.hub.show(&viewer.caller, grant.request).await?;
        request.labels.insert("extends".to_owned(), grant.id.to_string());
        let ends = viewer.reader.time(grant.ends_at);
        origin = Some(Origin::Extends(ends.shown, ends.exact));
        like = Some(request);
    }
    let resource = like.as_ref().map(|like| like.resource.to_string()).or_else(|| given("resource"));
    let (about, shape) = chosen(&app, &viewer, resource.as_deref().unwrap_or_default()).await?;
    let mut typed = like.as_ref().map(|like| Typed::like(like, &shape)).unwrap_or_default();
    if let (Some(like), Some(Origin::Like(id))) = (&like, &origin)
        && may_be_replaced(like, &viewer)
    {
        (typed.earlier, typed.replaces) = (id.to_string(), true);
    }
    typed.resource = resource.unwrap_or_default();
    let page = AskPage { origin, ..ask_page(&app, &viewer, typed, (about, shape)).await? };
    Ok(page_response(StatusCode::OK, &page))
}

/// Whether a request of the person ended without an approval, so that another one may take its place.
fn may_be_replaced(request: &RequestView, viewer: &Viewer) -> bool {
    let is_own = request.requester.email.as_ref() == Some(&viewer.session.person);
    is_own && request.superseded_by.is_none() && !matches!(request.status, Status::Approved | Status::Superseded)
}

/// `POST /ask`: asks, checks what would happen, or shows the fields of the chosen resource.
pub(in crate::http) async fn send(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> Result<Response, PageError> {
    let typed = Typed::read(&form);
    let (about, shape) = chosen(&app, &viewer, &typed.resource).await?;
    let mut errors = Errors::new();
    let (mut verdict, mut made) = (None, false);
    match form.get("do") {
        Some("ask") => {
            if let Some(ask) = typed.ask(about.as_ref(), &shape, &mut errors) {
                let key = form.get("key").and_then(|key| IdempotencyKey::parse(key).ok());
                match app.hub.ask(&viewer.caller, ask, key).await {
                    Ok(asked) => return Ok(redirect(&page_of(&asked.request))),
                    Err(error) => {
                        made = matches!(error, HubError::Conflict { code: Code::IdempotencyKeyReused, .. });
                        note(error, &shape, &mut errors)?;
                    }
                }
            }
        }
        Some("check") => verdict = check(&app, &viewer, &typed, (about.as_ref(), &shape), &mut errors).await?,
        _ => {}
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let key = form.get("key").filter(|_| !made).map(str::to_owned);
    let page = ask_page(&app, &viewer, typed, (about, shape)).await?;
    let key = key.unwrap_or_else(|| page.key.clone());
    Ok(page_response(status, &AskPage { errors, verdict, made, key, ..page }))
}

/// `POST /ask/check`: only what would happen, for the script.
pub(in crate::http) async fn check_part(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> Result<Response, PageError> {
    let typed = Typed::read(&form);
    let (about, shape) = chosen(&app, &viewer, &typed.resource).await?;
    let mut errors = Errors::new();
    let verdict = check(&app, &viewer, &typed, (about.as_ref(), &shape), &mut errors).await?;
    Ok(page_response(StatusCode::OK, &VerdictPart { errors, shape, verdict }))
}

async fn check(
    app: &App,
    viewer: &Viewer,
    typed: &Typed,
    (about, shape): (Option<&Askable>, &Shape),
    errors: &mut Errors,
) -> Result<Option<Verdict>, HubError> {
    let Some(ask) = typed.ask(about, shape, errors) else { return Ok(None) };
    match app.hub.evaluate(&viewer.caller, ask).await {
        Ok(evaluation) => Ok(Some(Verdict::new(evaluation, &viewer.reader))),
        Err(error) => {
            note(error, shape, errors)?;
            Ok(None)
        }
    }
}

/// Puts an error at its field.
fn note(error: HubError, shape: &Shape, errors: &mut Errors) -> Result<(), HubError> {
    let Some((field, detail)) = place_of(&error, shape) else { return Err(error) };
    errors.insert(field, detail);
    Ok(())
}

/// The chosen resource, and the form of its context.
async fn chosen(app: &App, viewer: &Viewer, name: &str) -> Result<(Option<Askable>, Shape), HubError> {
    let about = match name.parse() {
        Ok(name) => app.hub.askable_named(&viewer.caller, &name).await?,
        Err(_) => None,
    };
    let schema = about.as_ref().and_then(|about| about.context_schema.as_ref());
    let shape = schema.map_or_else(Shape::any, Shape::of);
    Ok((about, shape))
}

async fn ask_page(
    app: &App,
    viewer: &Viewer,
    typed: Typed,
    (about, shape): (Option<Askable>, Shape),
) -> Result<AskPage, HubError> {
    let listed = app.hub.askable(&viewer.caller, LISTED, "").await?;
    Ok(AskPage {
        shell: Shell::of(app, viewer, Place::Ask).await?,
        typed,
        errors: Errors::new(),
        resources: listed.next_cursor.is_none().then_some(listed.items),
        about,
        shape,
        verdict: None,
        origin: None,
        made: false,
        key: random::secret_text(),
        nonce: app.hub.session_nonce(&viewer.session),
    })
}

/// The page of the request that was made.
fn page_of(request: &str) -> String {
    #[derive(Deserialize)]
    struct Made {
        id: RequestId,
    }
    serde_json::from_str(request).map_or_else(|_| "/requests".to_owned(), |Made { id }| format!("/requests/{id}"))
}

/// The words for a field.
fn label(field: &str, shape: &Shape) -> (String, String) {
    if let Some(name) = field.strip_prefix("context.") {
        let at = shape.properties.iter().position(|property| property.name == name);
        if let Some((at, property)) = at.and_then(|at| Some((at, shape.properties.get(at)?))) {
            return (format!("context-{at}"), property.label.clone());
        }
    }
    let label = match field {
        "resource" => "On what",
        "command" => "Command",
        "language" => "Language",
        "reason" => "Reason",
        "length" => "For how long",
        "timeout" => "Decide within",
        "beneficiary" => "For somebody else",
        "labels" => "Labels",
        "rest" => "Context as JSON",
        _ => "The request",
    };
    (field.to_owned(), label.to_owned())
}

fn mends(errors: &Errors, shape: &Shape) -> Vec<Mend> {
    let mend = |(field, detail): (&String, &String)| {
        let (id, label) = label(field, shape);
        Mend { id, label, detail: detail.clone() }
    };
    errors.iter().map(mend).collect()
}

impl VerdictPart {
    fn mends(&self) -> Vec<Mend> {
        mends(&self.errors, &self.shape)
    }

    const fn made(&self) -> bool {
        false
    }
}

impl AskPage {
    fn mends(&self) -> Vec<Mend> {
        mends(&self.errors, &self.shape)
    }

    const fn made(&self) -> bool {
        self.made
    }

    fn error(&self, field: &str) -> Option<&String> {
        self.errors.get(field)
    }

    fn context_error(&self, property: &Property) -> Option<&String> {
        self.errors.get(&format!("context.{}", property.name))
    }

    /// A text exactly as it was typed: a field is sent again.
    fn exact(&self, text: &str) -> Safe<String> {
        exact(text)
    }

    fn context(&self, property: &Property) -> Safe<String> {
        exact(self.typed.context.get(&property.name).map_or("", String::as_str))
    }

    /// The choices of a property, in the form and in words, with whether one is chosen.
    fn choices(&self, property: &Property) -> Option<Vec<(String, String, bool)>> {
        let Form::Choice(values) = &property.form else { return None };
        let typed = self.typed.context.get(&property.name);
        let words = |value: &serde_json::Value| match value.as_bool() {
            Some(true) => "Yes".to_owned(),
            Some(false) => "No".to_owned(),
            None => choice(value),
        };
        let line = |value| (choice(value), words(value), typed == Some(&choice(value)));
        Some(values.iter().map(line).collect())
    }

    fn is_number(&self, property: &Property) -> bool {
        matches!(property.form, Form::Integer | Form::Number)
    }

    fn units(&self) -> Vec<(&'static str, &'static str, bool)> {
        UNITS.iter().map(|(name, _, words)| (*name, *words, *name == self.typed.unit)).collect()
    }

    fn timeouts(&self) -> Vec<(String, String, bool)> {
        let line = |seconds: &u32| {
            let value = seconds.to_string();
            let is_chosen = value == self.typed.timeout;
            (value, brief(u64::from(*seconds)), is_chosen)
        };
        TIMEOUTS.iter().map(line).collect()
    }

    /// How much of the command does not show in its field, and on which lines.
    fn hidden(&self) -> Option<String> {
        let listing = Listing::of(&self.typed.command);
        let (lines, count) = listing.hidden();
        let named = lines.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if lines.len() > NAMED { " and more" } else { "" };
        (count > 0).then(|| {
            let what = if count == 1 {
                "1 character of this command does"
            } else {
                &format!("{count} characters of this command do")
            };
            format!("{what} not show in the field: line {named}{more}.")
        })
    }

    /// The usual time to decide.
    fn usual(&self) -> Option<String> {
        Some(brief(self.about.as_ref()?.timeout_seconds.into()))
    }

    /// The longest access.
    fn longest(&self) -> Option<String> {
        Some(brief(self.about.as_ref()?.max_duration_seconds.into()))
    }

    fn is_chosen(&self, resource: &Askable) -> bool {
        resource.name.as_str() == self.typed.resource
    }

    /// Whether something is filled in that the form shows only on demand.
    fn has_more(&self) -> bool {
        let typed = &self.typed;
        let is_wrong =
            ["language", "beneficiary", "labels", "timeout"].iter().any(|field| self.errors.contains_key(*field));
        is_wrong
            || [&typed.beneficiary, &typed.labels, &typed.timeout, &typed.language].iter().any(|text| !text.is_empty())
    }

    fn needs_reason(&self) -> bool {
        self.about.as_ref().is_some_and(|about| about.reason_required)
    }
}

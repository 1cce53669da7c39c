//! One resource: who must approve, its rules, and what it says to a command.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::fields::{body_of, toml_of};
use super::list::approvals;
use crate::approval::{Effect, Guardrail, ResourceName};
use crate::channels::text::{Listing, Part};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::reader::brief;
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::draft::Draft;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::managed::Managed;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::joined;
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{Ask, Evaluation, EvaluationOutcome, HubError, ResourceView};

#[derive(Template)]
#[template(path = "pages/settings/resource.html")]
struct ResourcePage {
    shell: Shell,
    frame: Frame,
    name: String,
    description: Option<Listing>,
    warnings: Vec<String>,
    facts: Vec<(&'static str, String)>,
    rules: Vec<Rule>,
    toml: Option<Listing>,
    managed: Option<Managed>,
    form: Form,
    /// What it says to the command.
    answer: Option<Answer>,
}

/// A rule of the policy.
struct Rule {
    name: String,
    effect: &'static str,
    /// A CSS class.
    mood: &'static str,
    says: String,
    reason: String,
    /// Example commands, and whether the rule must match them.
    examples: Vec<(String, bool)>,
}

impl From<&Guardrail> for Rule {
    fn from(rule: &Guardrail) -> Self {
        let (effect, mood) = match rule.effect {
            Effect::Deny => ("deny", "no"),
            Effect::Require => ("require", "warn"),
            Effect::Allow => ("allow", "yes"),
        };
        let slots = if rule.slots.is_empty() { String::new() } else { format!("also {}", approvals(&rule.slots)) };
        let parts = [joined(&rule.statements, ""), rule.pattern.clone().unwrap_or_default(), slots];
        let examples = rule.blocks.iter().map(|text| (text.clone(), true));
        Self {
            name: rule.name.to_string(),
            effect,
            mood,
            says: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "),
            reason: rule.reason.clone().unwrap_or_default(),
            examples: examples.chain(rule.passes.iter().map(|text| (text.clone(), false))).collect(),
        }
    }
}

/// What a resource says to a command.
struct Answer {
    mood: &'static str,
    says: String,
    more: Vec<String>,
    slots: Vec<(String, String)>,
    findings: Vec<(String, String)>,
}

impl From<Evaluation> for Answer {
    fn from(evaluation: Evaluation) -> Self {
        let (mood, says) = match evaluation.outcome {
            EvaluationOutcome::NotVisible => ("no", "The requester may not see the resource."),
            EvaluationOutcome::Direct => ("yes", "It is approved at once, without a vote."),
            EvaluationOutcome::NeedsApproval => ("warn", "People are asked."),
            EvaluationOutcome::Denied => ("no", "A rule denies it."),
        };
        let rule = evaluation.rule.as_ref().map(|rule| format!("Decided by rule {rule}."));
        let unclear = evaluation.unclear.then(|| "It cannot be read without doubt, so no rule allows it.".to_owned());
        let people = |slot: &crate::hub::SlotExplanation| {
            let able = slot.people.iter().filter(|person| person.can_decide).map(|person| person.name.clone());
            (format!("{} of {}", slot.needed, slot.group), joined(able.take(20), "nobody could"))
        };
        let decided = |rule: &Option<crate::approval::RuleName>| {
            rule.as_ref().map_or_else(|| "no rule".to_owned(), |rule| format!("rule {rule}"))
        };
        Self {
            mood,
            says: says.to_owned(),
            more: [Some(format!("{}.", evaluation.reason)), rule, unclear]
                .into_iter()
                .flatten()
                .filter(|line| line != ".")
                .collect(),
            slots: evaluation.slots.iter().map(people).collect(),
            findings: evaluation.findings.iter().map(|one| (one.statement.clone(), decided(&one.rule))).collect(),
        }
    }
}

fn facts(view: &ResourceView) -> Vec<(&'static str, String)> {
    let (policy, procedure) = (&view.policy, &view.policy.procedure);
    let time = |seconds: Option<u32>| seconds.map(|seconds| brief(seconds.into())).unwrap_or_default();
    let flag = |is_on: bool, words: &str| if is_on { words.to_owned() } else { String::new() };
    let more = |slot: bool| flag(slot, "yes");
    let facts = vec![
        ("Who must approve", approvals(&policy.slots)),
        ("Time to decide", time(policy.timeout_seconds)),
        ("Rejects that end it", flag(procedure.reject_needed > 1, &procedure.reject_needed.to_string())),
        (
            "Reasons",
            joined(
                [flag(policy.reason_required, "of requests"), flag(procedure.reject_reason_required, "of rejects")]
                    .iter()
                    .filter(|words| !words.is_empty()),
                "",
            ),
        ),
        ("Who may ask", joined(&policy.requester_groups, "everybody")),
        ("Need no approval", joined(&policy.exempt_groups, "")),
        ("May never approve", joined(&policy.conflicted, "")),
        ("The requester may approve", more(procedure.allow_self_approval)),
        ("Voters are known by", procedure.min_assurance.map(|one| one.as_str().to_owned()).unwrap_or_default()),
        ("Signed in at most", time(procedure.fresh_sign_in_seconds)),
        ("To be used within", time(procedure.use_within_seconds)),
        ("Longest access", time(procedure.max_duration_seconds)),
        ("High risk", flag(procedure.high_risk, "no bulk approval")),
        ("Sent to channels", procedure.detail.as_str().replace('_', " ")),
        ("Break-glass", procedure.break_glass.as_ref().map(|one| joined(&one.groups, "")).unwrap_or_default()),
        ("Reminders after", joined(procedure.reminders.iter().map(|seconds| brief((*seconds).into())), "")),
        (
            "Escalation",
            joined(
                procedure
                    .escalation
                    .iter()
                    .map(|step| format!("after {} also {}", brief(step.after_seconds.into()), step.add)),
                "",
            ),
        ),
        ("Working hours", more(procedure.working_hours.is_some())),
        ("Context", flag(view.context_schema.is_some(), "must meet a JSON Schema")),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

async fn resource_page(app: &App, viewer: &Viewer, name: &ResourceName, form: Form) -> Result<ResourcePage, HubError> {
    let view = app.hub.resource(&viewer.caller, name).await?;
    let (shell, frame) = Frame::of(app, viewer, Section::Resources).await?;
    Ok(ResourcePage {
        shell,
        frame,
        name: name.to_string(),
        description: view.description.as_deref().map(Listing::of),
        facts: facts(&view),
        rules: view.policy.procedure.guardrails.iter().map(Rule::from).collect(),
        toml: toml_of(name, &body_of(&view)).as_deref().map(Listing::of),
        managed: Managed::of(app, viewer, "resource", name.as_str()).await?,
        warnings: view.warnings,
        form,
        answer: None,
    })
}

/// `GET /settings/resources/{name}`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<ResourceName>,
    query: PageQuery,
) -> PageResult {
    let page = resource_page(&app, &viewer, &name, Form::of(vec![("language", "sql".to_owned())])).await?;
    let frame = page.frame.after(&query);
    Ok(page_response(StatusCode::OK, &ResourcePage { frame, ..page }))
}

/// The ask that the form describes.
fn asked(form: &PostedForm, name: &ResourceName) -> Result<Ask, Problem> {
    let draft = Draft::of(form).set("resource", name.as_str().into()).exact("command");
    let draft = draft.texts(&["language", "requester/email"]);
    let draft = match form.filled("context") {
        None => draft,
        Some(text) => {
            let invalid = |error: serde_json::Error| {
                Problem::new(Code::InvalidJson, format!("the context is no JSON: {error}")).at("/context")
            };
            draft.set("context", serde_json::from_str(text).map_err(invalid)?)
        }
    };
    draft.read()
}

/// `POST /settings/resources/{name}/evaluate`: what it says to a command. Nothing is changed.
pub(in crate::http::pages::settings) async fn evaluate(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<ResourceName>,
    form: PostedForm,
) -> PageResult {
    let evaluated = match asked(&form, &name) {
        Ok(ask) => app.hub.evaluate(&viewer.caller, ask).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match evaluated {
        Ok(evaluation) => {
            let page = resource_page(&app, &viewer, &name, Form::posted(&form)).await?;
            let page = ResourcePage { answer: Some(evaluation.into()), ..page };
            Ok(page_response(StatusCode::OK, &page))
        }
        Err(problem) => {
            let page = resource_page(&app, &viewer, &name, Form::refused(&form, &problem)).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

/// `POST /settings/resources/{name}/delete`
pub(in crate::http::pages::settings) async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<ResourceName>,
    _: PostedForm,
) -> PageResult {
    app.hub.delete_resource(&viewer.caller, name).await?;
    Ok(went_well(Section::Resources.path(), "deleted"))
}

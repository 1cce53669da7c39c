//! Parses what Slack sends, as far as the hub needs it. Every value is bounded before it is stored.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::store::chat_identities::{Account, Provider};
use crate::store::endpoints::Endpoint;

/// Most form fields that are read.
const MAX_FIELDS: usize = 64;
/// Most bytes of one of Slack's ids.
const MAX_ID: usize = 32;
/// Most bytes of any other value.
const MAX_TEXT: usize = 4 * 1024;

/// The member who acted, and where to send the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) account: Account,
    /// The same account in other workspaces: a member of an organization (Enterprise Grid) has one id in all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) also: Vec<Account>,
    /// Their name in Slack.
    pub(super) name: String,
    pub(super) channel: Option<String>,
    /// Sends a reply that only they see; valid for half an hour.
    pub(super) response_url: Option<String>,
}

impl Member {
    /// The ids of their account that an app accepts: those of its `team`, if it has one.
    pub(super) fn accounts<'m>(&'m self, team: Option<&'m str>) -> impl Iterator<Item = &'m Account> {
        let all = std::iter::once(&self.account).chain(&self.also);
        all.filter(move |account| team.is_none_or(|team| team == account.team))
    }
}

/// The workspace, or organization, whose members an endpoint's app accepts.
pub(super) fn team_of(endpoint: &Endpoint) -> Option<&str> {
    endpoint.transport.slack.as_ref()?.team.as_deref()
}

/// A member's action. The serialized form is stored in jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub(super) enum SlackAction {
    /// A click on Approve.
    Approve { token: String },
    /// A click on Reject: opens the form that asks for the reason.
    AskWhy { token: String, trigger: String },
    /// The submitted form of a rejection.
    Reject { token: String, reason: String },
    /// A click on a button that asks for the page.
    Open { token: String },
    /// A slash command.
    Command { text: String },
    /// An action of a member whom no endpoint of the app accepts; the reply says so.
    #[serde(rename = "unheard")]
    NoEndpoint,
}

/// The work of a job: a member's action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) member: Member,
    #[serde(flatten)]
    pub(super) action: SlackAction,
}

/// The private metadata of the rejection form, which Slack returns with its submission.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ModalMetadata {
    pub(super) token: String,
    pub(super) channel: Option<String>,
    pub(super) required: bool,
}

/// A parsed call from Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Incoming {
    Work(Work),
    /// A rejection without its required reason.
    NoReason,
    /// Nothing to do: acknowledge it.
    Nothing,
}

/// Callback id of the rejection form.
pub(super) const REJECT: &str = "reject";
/// Id of its only field and of that field's block.
pub(super) const REASON: &str = "reason";

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    team: Option<Team>,
    /// The organization, if the app is installed in all of it.
    #[serde(default)]
    enterprise: Option<Named>,
    user: User,
    #[serde(default)]
    channel: Option<Named>,
    #[serde(default)]
    response_url: Option<String>,
    #[serde(default)]
    trigger_id: Option<String>,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(default)]
    view: Option<View>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The workspace in which the member acted.
#[derive(Deserialize)]
struct Team {
    id: String,
    /// The workspace's organization.
    #[serde(default)]
    enterprise_id: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    /// The member's own workspace, which in a shared channel may differ from the app's. For members of an organization
    /// it is the organization, `E…`.
    #[serde(default)]
    team_id: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Deserialize)]
struct View {
    #[serde(default)]
    callback_id: String,
    #[serde(default)]
    private_metadata: String,
    #[serde(default)]
    state: serde_json::Value,
}

/// Parses the body of an interaction; `None` if it is invalid.
pub(super) fn interaction(body: &[u8]) -> Option<Incoming> {
    let (_, payload) = form(body).find(|(name, _)| name == "payload")?;
    let Interaction { kind, team, enterprise, user, channel, response_url, trigger_id, actions, view } =
        serde_json::from_str(&payload).ok()?;
    let own = user.team_id.map(|own| whose(own, team.as_ref()));
    let (team, organization) = team.map_or((None, None), |team| (Some(team.id), team.enterprise_id));
    let organization = organization.or_else(|| enterprise.map(|enterprise| enterprise.id));
    let (account, also) = accounts(user.id, own, team, organization)?;
    let member = Member {
        account,
        also,
        name: text(user.username.or(user.name).unwrap_or_default())?,
        channel: channel.map(|channel| channel.id).map_or(Some(None), |id| slack_id(id).map(Some))?,
        response_url: response_url.map_or(Some(None), |url| text(url).map(Some))?,
    };
    match (kind.as_str(), view) {
        ("block_actions", _) => {
            let action = actions.into_iter().next().and_then(|action| click(action, trigger_id));
            Some(action.map_or(Incoming::Nothing, |action| Incoming::Work(Work { member, action })))
        }
        ("view_submission", Some(view)) if view.callback_id == REJECT => submission(member, &view),
        _ => Some(Incoming::Nothing),
    }
}

/// The organization or workspace of a member: for a member of the workspace in which they acted, that workspace's
/// organization if it has one. Slack may name either of the two.
fn whose(own: String, team: Option<&Team>) -> String {
    let home = team.filter(|team| team.id == own).and_then(|team| team.enterprise_id.clone());
    home.unwrap_or(own)
}

/// The action of a click; `None` for a button that only opens a link.
fn click(action: Action, trigger: Option<String>) -> Option<SlackAction> {
    let token = action.value.and_then(text)?;
    let (name, _slot) = action.action_id.split_once(':')?;
    match name {
        "approve" => Some(SlackAction::Approve { token }),
        "reject" => Some(SlackAction::AskWhy { token, trigger: trigger.and_then(text)? }),
        "open" | "open-approve" => Some(SlackAction::Open { token }),
        _ => None,
    }
}

fn submission(member: Member, view: &View) -> Option<Incoming> {
    let ModalMetadata { token, channel, required } = serde_json::from_str(&view.private_metadata).ok()?;
    let pointer = format!("/values/{REASON}/{REASON}/value");
    let reason = text(view.state.pointer(&pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned())?;
    if required && reason.trim().is_empty() {
        return Some(Incoming::NoReason);
    }
    let member = Member { channel, ..member };
    Some(Incoming::Work(Work { member, action: SlackAction::Reject { token, reason } }))
}

/// Parses the body of a slash command; `None` if it is invalid.
pub(super) fn command(body: &[u8]) -> Option<Incoming> {
    let (mut team, mut organization, mut user, mut name) = Default::default();
    let (mut channel, mut response_url, mut words) = Default::default();
    for (field, value) in form(body) {
        match field.as_str() {
            "ssl_check" => return Some(Incoming::Nothing),
            "team_id" => team = Some(value),
            "enterprise_id" => organization = Some(value).filter(|id| !id.is_empty()),
            "user_id" => user = Some(value),
            "user_name" => name = Some(value),
            "channel_id" => channel = Some(slack_id(value)?),
            "response_url" => response_url = Some(text(value)?),
            "text" => words = Some(value),
            _ => {}
        }
    }
    let (account, also) = accounts(user?, organization.clone(), team, organization)?;
    let member = Member { account, also, name: text(name.unwrap_or_default())?, channel, response_url };
    Some(Incoming::Work(Work { member, action: SlackAction::Command { text: text(words.unwrap_or_default())? } }))
}

fn form(body: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    let owned =
        |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| (name.into_owned(), value.into_owned());
    form_urlencoded::parse(body).take(MAX_FIELDS).map(owned)
}

/// A member's account, and its other ids. `own` is the member's own workspace or organization, if Slack sends it,
/// `team` the workspace in which they acted, and `organization` that workspace's organization. Only members of the
/// organization have the same id in all of its workspaces; for a guest, the id in `team` would be another account.
fn accounts(
    user: String,
    own: Option<String>,
    team: Option<String>,
    organization: Option<String>,
) -> Option<(Account, Vec<Account>)> {
    let is_of_organization = match (&own, &organization) {
        (Some(own), Some(organization)) => own == organization,
        (Some(own), None) => own.starts_with('E'),
        (None, _) => false,
    };
    let first = account(own.or_else(|| team.clone())?, user.clone())?;
    let other = team.filter(|team| is_of_organization && *team != first.team);
    let also = other.map(|team| account(team, user)).map_or(Some(None), |account| account.map(Some))?;
    Some((first, also.into_iter().collect()))
}

fn account(team: String, user: String) -> Option<Account> {
    Some(Account { provider: Provider::Slack, team: slack_id(team)?, user: slack_id(user)? })
}

fn slack_id(id: String) -> Option<String> {
    let is_valid = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_valid.then_some(id)
}

fn text(text: String) -> Option<String> {
    (text.len() <= MAX_TEXT).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(payload: &serde_json::Value) -> Vec<u8> {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload.to_string())
            .finish()
            .into_bytes()
    }

    fn clicked(action: &serde_json::Value) -> Option<Incoming> {
        interaction(&body(&serde_json::json!({
            "type": "block_actions", "team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T2", "username": "dana"},
            "channel": {"id": "C1"}, "response_url": "https://hooks.slack.com/x", "trigger_id": "1.2", "actions": [action],
        })))
    }

    #[test]
    fn clicks_differ_and_members_belong_to_their_own_team() {
        let Some(Incoming::Work(work)) = clicked(&serde_json::json!({"action_id": "approve:0", "value": "tok"})) else {
            panic!("work");
        };
        assert_eq!((work.member.account.team.as_str(), work.member.account.user.as_str()), ("T2", "U1"));
        assert_eq!(work.action, SlackAction::Approve { token: "tok".to_owned() });
        let text = serde_json::to_string(&work).expect("JSON");
        assert_eq!(serde_json::from_str::<Work>(&text).expect("a work"), work);
        assert_eq!(
            clicked(&serde_json::json!({"action_id": "Xyz", "url": "https://x.example"})),
            Some(Incoming::Nothing)
        );
        assert_eq!(clicked(&serde_json::json!({"action_id": "approve:0"})), Some(Incoming::Nothing));
    }

    #[test]
    fn members_of_an_organization_have_one_account_in_all_of_its_workspaces() {
        let names = |team: serde_json::Value, user: serde_json::Value| {
            let payload = serde_json::json!({
                "type": "block_actions", "team": team, "user": user, "actions": [{"action_id": "open:0", "value": "tok"}],
            });
            let Some(Incoming::Work(work)) = interaction(&body(&payload)) else { panic!("work") };
            work.member.accounts(None).map(|account| account.team.clone()).collect::<Vec<_>>()
        };
        let grid = serde_json::json!({"id": "T1", "enterprise_id": "E1"});
        let user = |team: &str| serde_json::json!({"id": "U1", "team_id": team});
        assert_eq!(names(grid.clone(), user("E1")), ["E1", "T1"]);
        assert_eq!(names(serde_json::json!({"id": "T1"}), user("E1")), ["E1", "T1"], "it need not be repeated");
        assert_eq!(names(serde_json::json!(null), user("E1")), ["E1"], "installed in all of it");
        assert_eq!(names(grid.clone(), user("T1")), ["E1", "T1"], "a member of one of its workspaces");
        assert_eq!(names(serde_json::json!({"id": "T1"}), user("T1")), ["T1"], "of no organization");
        // Guests of a shared channel, of another organization or of none.
        assert_eq!(names(grid.clone(), user("T2")), ["T2"]);
        assert_eq!(names(grid, user("E2")), ["E2"]);
        let typed = |fields: &str| {
            let Some(Incoming::Work(work)) = command(fields.as_bytes()) else { panic!("work") };
            work.member.accounts(None).map(|account| account.team.clone()).collect::<Vec<_>>()
        };
        assert_eq!(typed("team_id=T1&enterprise_id=E1&user_id=U1"), ["E1", "T1"]);
        assert_eq!(typed("team_id=T1&enterprise_id=&user_id=U1"), ["T1"]);
    }

    #[test]
    fn invalid_bodies_are_rejected() {
        for invalid in ["", "payload=", "payload=%7B%7D", "x=1", "payload=[1]", "payload=%ff"] {
            assert_eq!(interaction(invalid.as_bytes()), None, "{invalid}");
        }
        assert_eq!(command(b"team_id=T1&text=x"), None);
        assert_eq!(command(b"team_id=T%271&user_id=U1"), None);
        assert_eq!(command(b"ssl_check=1"), Some(Incoming::Nothing));
        let long = format!("team_id=T1&user_id=U1&text={}", "x".repeat(MAX_TEXT + 1));
        assert_eq!(command(long.as_bytes()), None);
    }

    #[test]
    fn a_required_reason_is_enforced() {
        let submitted = |reason: &str, required| {
            let metadata = ModalMetadata { token: "tok".to_owned(), channel: Some("C1".to_owned()), required };
            interaction(&body(&serde_json::json!({
                "type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1"},
                "view": {
                    "callback_id": "reject", "private_metadata": serde_json::to_string(&metadata).expect("JSON"),
                    "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
                },
            })))
        };
        assert_eq!(submitted(" ", true), Some(Incoming::NoReason));
        assert!(matches!(submitted("", false), Some(Incoming::Work(_))));
        let Some(Incoming::Work(Work { member, action })) = submitted("no", true) else { panic!("work") };
        assert_eq!(member.channel.as_deref(), Some("C1"));
        assert_eq!(action, SlackAction::Reject { token: "tok".to_owned(), reason: "no".to_owned() });
    }
}

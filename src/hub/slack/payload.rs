//! What Slack sends, read as far as it matters. All of it is bounded before it is kept.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::store::chat_identities::{Account, Provider};

/// Fields of a form that are looked at.
const MAX_FIELDS: usize = 64;
/// Most bytes of one of Slack's ids.
const MAX_ID: usize = 32;
/// Most bytes of anything else that is kept.
const MAX_TEXT: usize = 4 * 1024;

/// Who did something, and how they are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) account: Account,
    /// What they are called there.
    pub(super) name: String,
    /// Where they did it.
    pub(super) channel: Option<String>,
    /// Answers them alone, for half an hour.
    pub(super) response_url: Option<String>,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub(super) enum Deed {
    /// Clicked on Approve.
    Approve { token: String },
    /// Clicked on Reject, and is to be asked why.
    AskWhy { token: String, trigger: String },
    /// Said why, and rejects.
    Reject { token: String, reason: String },
    /// Wants to see the page.
    Open { token: String },
    /// Typed a command.
    Command { text: String },
}

/// What is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) member: Member,
    #[serde(flatten)]
    pub(super) deed: Deed,
}

/// What a modal remembers for its submission.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) token: String,
    pub(super) channel: Option<String>,
    pub(super) required: bool,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    /// Something to be carried out.
    Work(Work),
    /// A reason is missing that has to be given.
    NoReason,
    /// Nothing to do but to acknowledge it.
    Nothing,
}

/// Name of the modal, of its only field's block, and of the field.
pub(super) const REJECT: &str = "reject";
pub(super) const REASON: &str = "reason";

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    team: Option<Named>,
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

#[derive(Deserialize)]
struct User {
    id: String,
    /// Theirs, which in a shared channel is not the app's.
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

/// Reads the body of an interaction. None when it is nothing that Slack would send.
pub(super) fn interaction(body: &[u8]) -> Option<Came> {
    let (_, payload) = form(body).find(|(name, _)| name == "payload")?;
    let Interaction { kind, team, user, channel, response_url, trigger_id, actions, view } =
        serde_json::from_str(&payload).ok()?;
    let member = Member {
        account: account(user.team_id.or_else(|| team.map(|team| team.id))?, user.id)?,
        name: text(user.username.or(user.name).unwrap_or_default())?,
        channel: channel.map(|channel| channel.id).map_or(Some(None), |id| slack_id(id).map(Some))?,
        response_url: response_url.map_or(Some(None), |url| text(url).map(Some))?,
    };
    match (kind.as_str(), view) {
        ("block_actions", _) => {
            let deed = actions.into_iter().next().and_then(|action| click(action, trigger_id));
            Some(deed.map_or(Came::Nothing, |deed| Came::Work(Work { member, deed })))
        }
        ("view_submission", Some(view)) if view.callback_id == REJECT => submission(member, &view),
        _ => Some(Came::Nothing),
    }
}

/// What a click does in place; none of a button that only opens a link.
fn click(action: Action, trigger: Option<String>) -> Option<Deed> {
    let token = action.value.and_then(text)?;
    let (name, _slot) = action.action_id.split_once(':')?;
    match name {
        "approve" => Some(Deed::Approve { token }),
        "reject" => Some(Deed::AskWhy { token, trigger: trigger.and_then(text)? }),
        "open" | "open-approve" => Some(Deed::Open { token }),
        _ => None,
    }
}

fn submission(member: Member, view: &View) -> Option<Came> {
    let Memory { token, channel, required } = serde_json::from_str(&view.private_metadata).ok()?;
    let pointer = format!("/values/{REASON}/{REASON}/value");
    let reason = text(view.state.pointer(&pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned())?;
    if required && reason.trim().is_empty() {
        return Some(Came::NoReason);
    }
    let member = Member { channel, ..member };
    Some(Came::Work(Work { member, deed: Deed::Reject { token, reason } }))
}

/// Reads the body of a slash command. None when it is nothing that Slack would send.
pub(super) fn command(body: &[u8]) -> Option<Came> {
    let (mut team, mut user, mut name, mut channel, mut response_url, mut words) = Default::default();
    for (field, value) in form(body) {
        match field.as_str() {
            "ssl_check" => return Some(Came::Nothing),
            "team_id" => team = Some(value),
            "user_id" => user = Some(value),
            "user_name" => name = Some(value),
            "channel_id" => channel = Some(slack_id(value)?),
            "response_url" => response_url = Some(text(value)?),
            "text" => words = Some(value),
            _ => {}
        }
    }
    let member =
        Member { account: account(team?, user?)?, name: text(name.unwrap_or_default())?, channel, response_url };
    Some(Came::Work(Work { member, deed: Deed::Command { text: text(words.unwrap_or_default())? } }))
}

fn form(body: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    let owned =
        |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| (name.into_owned(), value.into_owned());
    form_urlencoded::parse(body).take(MAX_FIELDS).map(owned)
}

fn account(team: String, user: String) -> Option<Account> {
    Some(Account { provider: Provider::Slack, team: slack_id(team)?, user: slack_id(user)? })
}

fn slack_id(id: String) -> Option<String> {
    let holds = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    holds.then_some(id)
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

    fn clicked(action: &serde_json::Value) -> Option<Came> {
        interaction(&body(&serde_json::json!({
            "type": "block_actions", "team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T2", "username": "dana"},
            "channel": {"id": "C1"}, "response_url": "https://hooks.slack.com/x", "trigger_id": "1.2", "actions": [action],
        })))
    }

    #[test]
    fn clicks_are_told_apart_and_members_are_of_their_own_team() {
        let Some(Came::Work(work)) = clicked(&serde_json::json!({"action_id": "approve:0", "value": "tok"})) else {
            panic!("work");
        };
        assert_eq!((work.member.account.team.as_str(), work.member.account.user.as_str()), ("T2", "U1"));
        assert_eq!(work.deed, Deed::Approve { token: "tok".to_owned() });
        let text = serde_json::to_string(&work).expect("JSON");
        assert_eq!(serde_json::from_str::<Work>(&text).expect("a work"), work);
        assert_eq!(clicked(&serde_json::json!({"action_id": "Xyz", "url": "https://x.example"})), Some(Came::Nothing));
        assert_eq!(clicked(&serde_json::json!({"action_id": "approve:0"})), Some(Came::Nothing));
    }

    #[test]
    fn nonsense_is_nothing_that_slack_sends() {
        for nonsense in ["", "payload=", "payload=%7B%7D", "x=1", "payload=[1]", "payload=%ff"] {
            assert_eq!(interaction(nonsense.as_bytes()), None, "{nonsense}");
        }
        assert_eq!(command(b"team_id=T1&text=x"), None);
        assert_eq!(command(b"team_id=T%271&user_id=U1"), None);
        assert_eq!(command(b"ssl_check=1"), Some(Came::Nothing));
        let long = format!("team_id=T1&user_id=U1&text={}", "x".repeat(MAX_TEXT + 1));
        assert_eq!(command(long.as_bytes()), None);
    }

    #[test]
    fn a_reason_that_has_to_be_given_is_given() {
        let submitted = |reason: &str, required| {
            let memory = Memory { token: "tok".to_owned(), channel: Some("C1".to_owned()), required };
            interaction(&body(&serde_json::json!({
                "type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1"},
                "view": {
                    "callback_id": "reject", "private_metadata": serde_json::to_string(&memory).expect("JSON"),
                    "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
                },
            })))
        };
        assert_eq!(submitted(" ", true), Some(Came::NoReason));
        assert!(matches!(submitted("", false), Some(Came::Work(_))));
        let Some(Came::Work(Work { member, deed })) = submitted("no", true) else { panic!("work") };
        assert_eq!(member.channel.as_deref(), Some("C1"));
        assert_eq!(deed, Deed::Reject { token: "tok".to_owned(), reason: "no".to_owned() });
    }
}

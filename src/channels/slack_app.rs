//! Slack as an app: the webhook's messages, posted through the Web API. The hub edits a message when its request
//! changes, and its buttons vote without opening a page.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::chat::{Fitted, SubjectData, fitted};
use super::slack::SLACK;
use super::slack_shown::shows_whole;
use super::view::MessageLimits;
use super::{Declaration, EventNotice, Meaning, Receipt, RenderError, TemplateSet, Validators};
use crate::store::endpoints::Channel;

/// Members that keep Slack from fetching every link.
const UNFURLS_NOTHING: [&str; 2] = ["unfurl_links", "unfurl_media"];
/// Slack's limit for a button's value, in bytes.
const MAX_VALUE: usize = 2_000;

pub(super) const SLACK_APP: Declaration =
    Declaration { channel: Channel::SlackApp, meaning, receipt: Some(receipt), ..SLACK };

/// Destination of a message, and what its buttons may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Id of a channel or member.
    pub address: String,
    /// A new message, or a change of one that exists.
    pub mode: PostMode,
    /// Whether readers of the message may have its signed links. Otherwise a button requests one, and the hub checks
    /// the member.
    pub shows_links: bool,
    /// Whether approving requires the decision page (a high-risk policy).
    pub needs_page: bool,
}

/// How a message relates to the one that already shows the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostMode {
    /// The first message.
    New,
    /// Replaces the existing message.
    Edit {
        channel: String,
        /// The message's id in the channel.
        ts: String,
    },
    /// A reply in the existing message's thread, also sent to the channel.
    Reply {
        channel: String,
        /// The message's id in the channel.
        ts: String,
    },
}

/// A call of the target's API, or a body for a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiCall {
    /// Method of the Web API, for example `chat.postMessage`; `None` for a webhook.
    pub(super) method: Option<&'static str>,
    /// JSON.
    pub(super) body: String,
}

/// Whether an event is announced by a reply in the thread. It does not change what the message shows, and Slack
/// notifies members of new messages only, not of edits.
pub fn is_aside(kind: &str) -> bool {
    matches!(
        kind,
        "request.reminded"
            | "request.escalated"
            | "request.undecidable"
            | "request.self_approved"
            | "request.glass_broken"
            | "request.review_due"
            | "request.commented"
    )
}

/// Readdresses a body to another channel. `None` when the body is not a JSON object.
pub fn addressed(body: &str, channel: &str) -> Option<String> {
    let mut body: Map<String, Value> = serde_json::from_str(body).ok()?;
    body.insert("channel".to_owned(), channel.into());
    Some(Value::Object(body).to_string())
}

pub(super) fn render(
    limits: MessageLimits,
    set: &TemplateSet,
    validators: &Validators,
    notice: &EventNotice<'_>,
    posting: &Posting,
) -> Result<ApiCall, RenderError> {
    let Fitted { text, data, subject } = fitted(&SLACK_APP, limits, set, validators, notice)?;
    let mut members: Map<String, Value> =
        serde_json::from_str(&text).map_err(|_| RenderError::Missing(notice.kind.to_owned()))?;
    let blocks = members.get_mut("blocks");
    let is_unhidden = data.get("withheld").and_then(Value::as_str).is_none_or(str::is_empty);
    let is_whole = match (&subject, &blocks) {
        (SubjectData::Request(request), Some(blocks)) => is_unhidden && shows_whole(blocks, request),
        _ => false,
    };
    let buttons = Buttons { notice, posting, in_place: is_whole && !posting.needs_page };
    blocks.and_then(Value::as_array_mut).into_iter().flatten().for_each(|block| buttons.change(block));
    Ok(call(members, posting))
}

/// Makes the call that sends a text; without a posting, for an incoming webhook.
pub(super) fn in_short(text: String, posting: Option<&Posting>) -> ApiCall {
    let mut members = Map::from_iter([("text".to_owned(), text.into())]);
    let Some(posting) = posting else {
        members.extend(UNFURLS_NOTHING.map(|name| (name.to_owned(), false.into())));
        return ApiCall { method: None, body: Value::Object(members).to_string() };
    };
    if matches!(posting.mode, PostMode::Edit { .. }) {
        // `chat.update` keeps blocks that a call does not name.
        members.insert("blocks".to_owned(), Value::Array(Vec::new()));
    }
    call(members, posting)
}

/// Makes the call that posts a message with these members.
fn call(mut members: Map<String, Value>, posting: &Posting) -> ApiCall {
    members.extend(UNFURLS_NOTHING.map(|name| (name.to_owned(), false.into())));
    let mut put = |name: &str, value: &str| members.insert(name.to_owned(), value.into());
    let method = match &posting.mode {
        PostMode::New => {
            put("channel", &posting.address);
            "chat.postMessage"
        }
        PostMode::Edit { channel, ts } => {
            put("channel", channel);
            put("ts", ts);
            "chat.update"
        }
        PostMode::Reply { channel, ts } => {
            put("channel", channel);
            put("thread_ts", ts);
            members.insert("reply_broadcast".to_owned(), true.into());
            // The thread's first message already shows the blocks.
            members.remove("blocks");
            "chat.postMessage"
        }
    };
    ApiCall { method: Some(method), body: Value::Object(members).to_string() }
}

/// Turns buttons that open a link into buttons that act in Slack.
struct Buttons<'n> {
    notice: &'n EventNotice<'n>,
    posting: &'n Posting,
    /// Whether an approve button may act in Slack.
    in_place: bool,
}

impl Buttons<'_> {
    fn change(&self, block: &mut Value) {
        if let Some(accessory) = block.get_mut("accessory") {
            self.change_button(accessory);
        }
        if block.get("type").is_some_and(|kind| kind == "actions") {
            block.get_mut("elements").and_then(Value::as_array_mut).into_iter().flatten().for_each(|button| {
                self.change_button(button);
            });
        }
    }

    fn change_button(&self, button: &mut Value) {
        let Some(button) = button.as_object_mut() else { return };
        let Some(url) = button.get("url").and_then(Value::as_str).map(str::to_owned) else { return };
        let Some((action, slot)) = self.action(&url) else { return };
        // The link's token is the last segment of its URL.
        let Some(token) = url.rsplit('/').next().filter(|token| token.len() <= MAX_VALUE) else { return };
        button.remove("url");
        button.insert("value".to_owned(), token.into());
        button.insert("action_id".to_owned(), format!("{action}:{slot}").into());
    }

    /// Returns the action in Slack of a button with this link, and its slot. `None` when the button keeps opening the
    /// link.
    fn action(&self, url: &str) -> Option<(&'static str, usize)> {
        let slots = self.notice.links.slots.iter().enumerate();
        slots.into_iter().find_map(|(place, slot)| {
            let opens = (!self.posting.shows_links).then_some("open");
            let action = if slot.approve.as_deref() == Some(url) {
                if self.in_place { Some("approve") } else { opens.map(|_| "open-approve") }
            } else if slot.reject.as_deref() == Some(url) {
                Some("reject")
            } else {
                (slot.review == url).then_some(opens).flatten()
            };
            action.map(|action| (action, place))
        })
    }
}

#[derive(Deserialize)]
struct ApiAnswer {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: Value,
    #[serde(default)]
    ts: String,
}

fn receipt(answer: &str) -> Option<Receipt> {
    let answer: ApiAnswer = serde_json::from_str(answer).ok()?;
    if !answer.ok {
        let vanished = matches!(&*answer.error, "message_not_found" | "cant_update_message" | "edit_window_closed");
        return vanished.then_some(Receipt::Vanished);
    }
    let channel = answer.channel.as_str().or_else(|| answer.channel.get("id")?.as_str())?.to_owned();
    Some(Receipt::Posted { channel, ts: answer.ts })
}

/// Interprets the answers of the Web API: Slack answers 200 and reports errors in the body.
fn meaning(status: u16, answer: &str) -> Option<Meaning> {
    let answer = match serde_json::from_str::<ApiAnswer>(answer) {
        Ok(answer) => answer,
        Err(_) if status == 200 => {
            return Some(Meaning::FalseSuccess("a body that is not an answer of Slack's Web API".to_owned()));
        }
        Err(_) => return None,
    };
    if answer.ok {
        return (status == 200).then_some(Meaning::Delivered);
    }
    // Only an error code is repeated: other text may contain secrets.
    let is_code =
        answer.error.len() <= 60 && answer.error.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    let code = if is_code { &*answer.error } else { "an unknown error" };
    let detail = |what: &str| format!("Slack: {code}: {what}");
    Some(match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Meaning::Throttled(detail("too many messages")),
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            Meaning::BadCredentials(detail("the bot token is invalid or was revoked"))
        }
        "channel_not_found" | "not_in_channel" | "is_archived" | "user_not_found" | "users_not_found"
        | "user_disabled" | "cannot_dm_bot" => {
            Meaning::Refused(detail("the app cannot post there: add it to the channel"))
        }
        "missing_scope"
        | "no_permission"
        | "restricted_action"
        | "ekm_access_denied"
        | "access_denied"
        | "team_access_not_granted" => Meaning::Refused(detail("the app is not allowed to do this: check its scopes")),
        "msg_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "no_text"
        | "invalid_arguments"
        | "invalid_json"
        | "msg_blocks_too_long"
        | "too_many_attachments" => Meaning::Malformed(detail("Slack rejects the form of this message")),
        // The next attempt posts a new message.
        "message_not_found" | "cant_update_message" | "edit_window_closed" => {
            Meaning::FalseSuccess(detail("the message to update no longer exists"))
        }
        "fatal_error" | "internal_error" | "service_unavailable" | "request_timeout" | "team_added_to_org" => {
            Meaning::FalseSuccess(detail("Slack had an internal error"))
        }
        _ => Meaning::Refused(detail("Slack refused the call")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn error_codes_have_a_meaning() {
        let of = |word: &str| meaning(200, &json!({"ok": false, "error": word}).to_string()).expect("a meaning");
        assert!(matches!(of("ratelimited"), Meaning::Throttled(_)));
        for word in ["invalid_auth", "account_inactive", "token_revoked"] {
            assert!(matches!(of(word), Meaning::BadCredentials(_)), "{word}");
        }
        for word in ["channel_not_found", "not_in_channel", "is_archived", "something_new"] {
            assert!(matches!(of(word), Meaning::Refused(_)), "{word}");
        }
        for word in ["msg_too_long", "invalid_blocks"] {
            assert!(matches!(of(word), Meaning::Malformed(_)), "{word}");
        }
        for word in ["fatal_error", "internal_error", "service_unavailable", "message_not_found"] {
            assert!(matches!(of(word), Meaning::FalseSuccess(_)), "{word}");
        }
        assert_eq!(meaning(200, r#"{"ok":true}"#), Some(Meaning::Delivered));
        assert!(matches!(meaning(200, "<html>"), Some(Meaning::FalseSuccess(_))));
        assert_eq!(meaning(502, "<html>"), None);
        let unknown = of("xoxb-a-Token!");
        assert!(matches!(unknown, Meaning::Refused(text) if !text.contains("xoxb")));
    }

    #[test]
    fn an_answer_reports_where_the_message_is() {
        let posted = |channel: &str| Some(Receipt::Posted { channel: channel.to_owned(), ts: "1.2".to_owned() });
        assert_eq!(receipt(r#"{"ok":true,"channel":"C1","ts":"1.2","message":{}}"#), posted("C1"));
        assert_eq!(receipt(r#"{"ok":true,"channel":{"id":"D1"},"ts":"1.2"}"#), posted("D1"));
        assert_eq!(receipt(r#"{"ok":false,"error":"message_not_found"}"#), Some(Receipt::Vanished));
        assert_eq!(receipt(r#"{"ok":false,"error":"fatal_error"}"#), None);
        assert_eq!(receipt("no"), None);
    }
}

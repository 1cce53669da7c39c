//! The slash command `/countersign`.

use super::payload::{Member, team_of};
use super::plan::{CommandChange, Step};
use super::reply::{Reply, unknown_member};
use crate::approval::{Choice, Email, ExcludedAs, GroupName, Request, Status};
use crate::channels::text::{cut, duration};
use crate::channels::{slack_code, slack_text};
use crate::codes::Code;
use crate::hub::{Hub, HubError, ListFilter};
use crate::ids::RequestId;
use crate::random;
use crate::store::endpoints::Endpoint;
use crate::store::slack::subscriptions::Subscription;
use crate::store::{groups, requests, tokens};
use crate::time::Timestamp;

/// Most requests in the answer to `pending`.
const LISTED: u32 = 10;
/// Most bytes of a command in a list, and in the answer to `show`.
const SHORT: usize = 80;
const LONG: usize = 2_000;

const HELP: &str = "\
`/countersign pending`: list the requests that wait for your vote
`/countersign show ID`: show one request
`/countersign subscribe [GROUP]`: post the requests to a group in this channel
`/countersign unsubscribe [GROUP]`: stop posting them
`/countersign link`: link this Slack account to your Countersign identity";

impl Hub {
    pub(super) async fn plan_command(
        &self,
        endpoint: &Endpoint,
        member: &Member,
        text: &str,
        person: Option<Email>,
    ) -> Result<Step, HubError> {
        let mut words = text.split_whitespace();
        let (verb, rest) = (words.next().unwrap_or("help").to_lowercase(), words.next());
        let reply = |reply| Ok(Step::Reply(reply));
        match (verb.as_str(), person) {
            ("help", _) => reply(Reply::Text(HELP.to_owned())),
            ("link", None) => {
                let code: String = random::secret_text().chars().filter(char::is_ascii_alphanumeric).take(20).collect();
                // By an id that this endpoint accepts.
                let account = member.accounts(team_of(endpoint)).next().unwrap_or(&member.account).clone();
                Ok(Step::Change(CommandChange::Code { account, name: member.name.clone(), code }))
            }
            ("link", Some(person)) => reply(Reply::plain(&format!("Your account is already linked to {person}."))),
            ("pending" | "show" | "subscribe" | "unsubscribe", None) => {
                reply(unknown_member(member.accounts(team_of(endpoint)).next().unwrap_or(&member.account)))
            }
            ("pending", Some(person)) => reply(self.pending(person).await?),
            ("show", Some(person)) => reply(self.show_request(&person, rest).await?),
            ("subscribe", Some(person)) => self.subscribe(endpoint, member, person, rest, true).await,
            ("unsubscribe", Some(person)) => self.subscribe(endpoint, member, person, rest, false).await,
            _ => reply(Reply::Text(format!("There is no such command. Use one of these:\n{HELP}"))),
        }
    }

    async fn pending(&self, person: Email) -> Result<Reply, HubError> {
        let filter = ListFilter { waiting_for: Some(person), status: Some(Status::Pending), ..ListFilter::default() };
        let (found, more) = self.matching(&filter, LISTED).await?;
        let now = self.clock.now();
        let mut lines: Vec<String> =
            found.iter().filter(|request| !request.is_overdue(now)).map(|request| line(request, now)).collect();
        if lines.is_empty() {
            return Ok(Reply::Text("No requests wait for your vote.".to_owned()));
        }
        if more {
            lines.push("… and more".to_owned());
        }
        Ok(Reply::Text(lines.join("\n")))
    }

    async fn show_request(&self, person: &Email, id: Option<&str>) -> Result<Reply, HubError> {
        let id: RequestId = id.and_then(|id| id.parse().ok()).ok_or_else(|| {
            HubError::invalid(Code::InvalidParameter, "", "the request's id is missing: use /countersign show ID")
        })?;
        let unknown = || HubError::NotFound("request");
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or_else(unknown)?;
        if !self.person_sees(person, &request).await? {
            return Err(unknown());
        }
        Ok(Reply::Text(whole(&self.settled(request).await?, self.clock.now())))
    }

    async fn subscribe(
        &self,
        endpoint: &Endpoint,
        member: &Member,
        person: Email,
        group: Option<&str>,
        wanted: bool,
    ) -> Result<Step, HubError> {
        let refused = |detail: &str| Err(HubError::Forbidden(detail.to_owned()));
        let Some(channel) = member.channel.clone().filter(|id| id.starts_with(['C', 'G'])) else {
            return refused("only channels can subscribe: use this command in a channel");
        };
        let session = &mut self.store.read().await?;
        let now = self.clock.now();
        let mut own = groups::memberships_of(session, &person).await?;
        // Who gets messages in a channel is decided like a request: not by an old membership.
        own.retain(|_, membership| membership.is_fresh(now));
        let is_admin = tokens::is_admin(session, &person, now).await?;
        let group = match (group.map(str::parse::<GroupName>), own.len()) {
            (Some(Ok(group)), _) => group,
            (None, 1) => own.keys().next().cloned().ok_or(HubError::NotFound("group"))?,
            (None, 0) => return refused("name a group: you are in none yourself"),
            (None, _) => {
                let names: Vec<&str> = own.keys().map(GroupName::as_str).collect();
                return refused(&format!("name one group; you are in {}", names.join(", ")));
            }
            (Some(Err(_)), _) => return Err(HubError::NotFound("group")),
        };
        let may = own.contains_key(&group) || (is_admin && groups::get(session, &group).await?.is_some());
        if !may {
            return refused("only members of the group and admins can subscribe a channel to it");
        }
        let subscription = Subscription { endpoint: endpoint.id, channel, group };
        Ok(Step::Change(CommandChange::Subscription { subscription, person, wanted }))
    }
}

/// A request in one line.
fn line(request: &Request, now: Timestamp) -> String {
    let left = duration(request.expires_at.since(now).as_secs());
    let (command, more) = cut(&request.payload.command, SHORT);
    let command = command.replace(['\n', '`'], " ");
    let command = if command.is_empty() { String::new() } else { format!(" `{}`", slack_code(&command)) };
    let rest = if more > 0 { "…" } else { "" };
    format!(
        "• *{}*, {}:{command}{rest} ({left} left): `/countersign show {}`",
        request.resource,
        slack_text(&request.requester.who()),
        request.id
    )
}

/// A request in full.
fn whole(request: &Request, now: Timestamp) -> String {
    let (command, more) = cut(&request.payload.command, LONG);
    let rest = if more > 0 { format!("\n✂ *cut here: {more} bytes more*") } else { String::new() };
    let command = if command.is_empty() { String::new() } else { format!("\n```{}```{rest}", slack_code(command)) };
    let reason = request
        .reason
        .as_deref()
        .map(|reason| format!("\n*Reason from the requester:* {}", slack_text(cut(reason, LONG).0)));
    let end = match request.status {
        Status::Pending => format!("{} left", duration(request.expires_at.since(now).as_secs())),
        status => status.as_str().to_owned(),
    };
    let excluded = request.excluded().into_iter().filter(|one| one.role != ExcludedAs::Requester);
    let excluded: Vec<String> = excluded.map(|one| format!("\n{}", slack_text(&one.describe()))).collect();
    let votes: Vec<String> = request
        .live_votes()
        .take(20)
        .map(|vote| {
            let verb = if vote.choice == Choice::Approve { "approved" } else { "rejected" };
            format!("\n{verb} by {}", slack_text(vote.voter.as_str()))
        })
        .collect();
    format!(
        "*{}*, requested by {} ({end}){command}{}{}{}\n{} · revision {}",
        request.resource,
        slack_text(&request.requester.who()),
        reason.unwrap_or_default(),
        excluded.concat(),
        votes.concat(),
        request.id,
        request.revision
    )
}

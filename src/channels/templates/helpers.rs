//! The helpers that templates may call besides those of Handlebars.
//!
//! The results of `cut`, `ago`, `until`, `person` and `lookup` are values, escaped like any other. The other helpers
//! write JSON, or text that is already escaped for a JSON string.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonRender, Output, RenderContext, RenderErrorReason,
    ScopedJson,
};
use serde_json::Value;

use super::expand::ITERATIONS;
use super::fuel;
use super::origin::{of_json, of_value};
use crate::channels::Declaration;
use crate::channels::text::{duration, in_json, shortened};
use crate::time::Timestamp;

type Reason = RenderErrorReason;

/// Registers all helpers for a channel.
pub(super) fn register(registry: &mut Handlebars<'_>, channel: &'static Declaration) {
    let Declaration { plain, code, moment, link, .. } = *channel;
    // `log` would write people's text into the hub's log; `raw` is for raw blocks, which are not supported.
    registry.unregister_helper("log");
    registry.unregister_helper("raw");
    let mut writes = |name, write: TextHelper| registry.register_helper(name, Box::new(write));
    writes("plain", TextHelper(Box::new(move |call| Ok(of_value(plain(&text_of(call.first()?)?))))));
    writes("code", TextHelper(Box::new(move |call| Ok(of_value(code(&text_of(call.first()?)?))))));
    writes("moment", TextHelper(Box::new(move |call| Ok(of_value(in_json(&moment(time_of(call.first()?)?)))))));
    writes("exact", TextHelper(Box::new(|call| Ok(of_value(in_json(&exact(channel, call)?))))));
    writes("json", TextHelper(Box::new(|call| Ok(of_json(json(channel, call.first_or_null()?)).to_string()))));
    writes(
        "link",
        TextHelper(Box::new(move |call| Ok(of_value(link(&url(call)?, &text_of(call.second("a text")?)?))))),
    );
    writes(ITERATIONS, TextHelper(Box::new(count_iterations)));
    let mut makes = |name, make: ValueHelper| registry.register_helper(name, Box::new(make));
    makes(
        "cut",
        ValueHelper(|call| Ok(shortened(&text_of(call.first()?)?, size_of(call.second("a number of bytes")?)?))),
    );
    makes("ago", ValueHelper(|call| Ok(ago(call.event_time()?, time_of(call.first()?)?))));
    makes("until", ValueHelper(|call| Ok(duration(time_of(call.first()?)?.since(call.event_time()?).as_secs()))));
    makes("person", ValueHelper(|call| Ok(person(call.first()?))));
    registry.register_helper("lookup", Box::new(LookupHelper));
}

/// One call of a helper.
struct HelperCall<'c, 'rc> {
    helper: &'c Helper<'rc>,
    context: &'c Context,
}

impl HelperCall<'_, '_> {
    /// The first parameter. A failed [`LookupHelper`] call is an error here.
    fn first(&self) -> Result<&Value, Reason> {
        let is_made = self.helper.param(0).is_some_and(|parameter| parameter.relative_path().is_none());
        match self.first_or_null()? {
            Value::Null if is_made => Err(Reason::Other(format!("{} {NOT_FOUND}", self.requires("a value")))),
            value => Ok(value),
        }
    }

    fn first_or_null(&self) -> Result<&Value, Reason> {
        let parameter = self.helper.param(0).ok_or_else(|| self.requires("a value"))?;
        if parameter.is_value_missing() {
            return Err(Reason::MissingVariable(parameter.relative_path().cloned()));
        }
        Ok(parameter.value())
    }

    fn second(&self, what: &str) -> Result<&Value, Reason> {
        let parameter = self.helper.param(1).filter(|parameter| !parameter.is_value_missing());
        parameter.map(handlebars::PathAndJson::value).ok_or_else(|| self.requires(what))
    }

    /// The time of the event. The time of rendering would change the message of a retry.
    fn event_time(&self) -> Result<Timestamp, Reason> {
        self.context.data().pointer("/event/at").map_or_else(|| Err(self.requires("an event")), time_of)
    }

    fn requires(&self, what: &str) -> Reason {
        Reason::Other(format!("{} requires {what}", self.helper.name()))
    }
}

type Write = dyn Fn(&HelperCall<'_, '_>) -> Result<String, Reason> + Send + Sync;

/// A helper whose text is written without further escaping.
struct TextHelper(Box<Write>);

impl HelperDef for TextHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let written = (self.0)(&HelperCall { helper, context })?;
        fuel::consume_bytes(written.len())?;
        out.write(&written)?;
        Ok(())
    }
}

/// A helper whose result is a value, escaped when written.
struct ValueHelper(fn(&HelperCall<'_, '_>) -> Result<String, Reason>);

impl HelperDef for ValueHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        let made = (self.0)(&HelperCall { helper, context })?;
        fuel::consume_bytes(made.len())?;
        Ok(ScopedJson::Derived(made.into()))
    }
}

/// Error detail of a missing key.
const NOT_FOUND: &str = "but lookup found none: check with {{#if (lookup …)}} first";

/// `{{lookup object key}}`, `{{lookup list index}}`. Inside another call, as in `{{#if (lookup request.labels
/// "x")}}`, a missing key is `null`; written, it is an error like an unknown name.
struct LookupHelper;

impl LookupHelper {
    fn find<'c>(helper: &'c Helper<'_>) -> Result<Option<&'c Value>, Reason> {
        let parameter = |index| {
            let parameter = helper.param(index).ok_or(Reason::ParamNotFoundForIndex("lookup", index))?;
            let is_known = !parameter.is_value_missing();
            is_known
                .then(|| parameter.value())
                .ok_or_else(|| Reason::MissingVariable(parameter.relative_path().cloned()))
        };
        Ok(match (parameter(0)?, parameter(1)?) {
            (Value::Array(items), index) => index.as_u64().and_then(|index| items.get(usize::try_from(index).ok()?)),
            (Value::Object(members), key) => key.as_str().and_then(|key| members.get(key)),
            _ => None,
        })
    }
}

impl HelperDef for LookupHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        Ok(ScopedJson::Derived(Self::find(helper)?.cloned().unwrap_or_default()))
    }

    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let found = Self::find(helper)?.ok_or_else(|| Reason::Other(format!("a value is required, {NOT_FOUND}")))?;
        out.write(&registry.get_escape_fn()(&found.render()))?;
        Ok(())
    }
}

/// Counts a loop's iterations before it starts; within an iteration, without a list, checks the time.
fn count_iterations(call: &HelperCall<'_, '_>) -> Result<String, Reason> {
    let iterations = match call.helper.param(0).map(handlebars::PathAndJson::value) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        _ => 0,
    };
    fuel::check_time()?;
    fuel::consume(iterations).map(|()| String::new())
}

/// Unescaped text. In a message for people, only the hub's links, literals of the template, times and numbers are
/// allowed: anything else could be markup.
fn exact(channel: &Declaration, call: &HelperCall<'_, '_>) -> Result<String, Reason> {
    let value = call.first()?;
    if !channel.is_chat() || value.is_number() || value.is_boolean() {
        return text_of(value);
    }
    let is_time = || value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok());
    url(call).or_else(|error| if is_time() { text_of(value) } else { Err(error) })
}

/// One of the hub's links, or a literal URL of the template.
fn url(call: &HelperCall<'_, '_>) -> Result<String, Reason> {
    let value = call.first()?;
    let is_literal = call.helper.param(0).is_some_and(|parameter| parameter.try_get_constant_value().is_some());
    let text = text_of(value)?;
    if is_literal {
        let url = url::Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        return url.map(String::from).ok_or_else(|| call.requires("a URL that begins with https:// or http://"));
    }
    if is_of_hub(call.context.data(), &text) {
        return Ok(text);
    }
    Err(call.requires("a link of links, or url: write any other text with {{…}}, because it may be markup"))
}

fn is_of_hub(data: &Value, text: &str) -> bool {
    let links = data.get("links").and_then(|links| links.as_array().or_else(|| links.get("slots")?.as_array()));
    let mut urls =
        links.into_iter().flatten().flat_map(|slot| ["review", "approve", "reject"].map(|name| slot.get(name)));
    text.is_empty()
        || data.get("url").and_then(Value::as_str) == Some(text)
        || data.pointer("/request/url").and_then(Value::as_str) == Some(text)
        || urls.any(|url| url.and_then(Value::as_str) == Some(text))
}

/// A value as JSON: unchanged for programs; for people, each text in it is escaped for the channel.
fn json(channel: &Declaration, value: &Value) -> Value {
    if !channel.is_chat() {
        return value.clone();
    }
    match value {
        Value::String(text) => escaped(channel, text),
        Value::Array(items) => items.iter().map(|item| json(channel, item)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                (escaped(channel, name).as_str().unwrap_or_default().to_owned(), json(channel, value))
            };
            Value::Object(members.iter().map(member).collect())
        }
        plain => plain.clone(),
    }
}

fn escaped(channel: &Declaration, text: &str) -> Value {
    // A channel's escape writes the inside of a JSON string.
    serde_json::from_str(&format!("\"{}\"", (channel.escape)(text))).unwrap_or_default()
}

fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() {
        0 => "just now".to_owned(),
        seconds => format!("{} ago", duration(seconds)),
    }
}

/// Formats a person, given as an object like `requester` or an address: `Nora Lind (nora@example.com)`.
fn person(value: &Value) -> String {
    let part = |name| value.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    match (part("name"), part("email")) {
        (Some(name), Some(email)) => format!("{name} ({email})"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => value.as_str().filter(|text| !text.is_empty()).unwrap_or("a system").to_owned(),
    }
}

/// A value as text; consumes fuel by its length.
fn text_of(value: &Value) -> Result<String, Reason> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fuel::consume_bytes(text.len()).map(|()| text)
}

fn size_of(value: &Value) -> Result<usize, Reason> {
    let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
    size.ok_or_else(|| Reason::Other(format!("cut requires a number of bytes, not {value}")))
}

fn time_of(value: &Value) -> Result<Timestamp, Reason> {
    let text = text_of(value)?;
    // The error does not quote the text: it may be a requester's, and the error is stored with the endpoint.
    text.parse().map_err(|_| Reason::Other("an RFC 3339 time is required".to_owned()))
}

//! Templates: Handlebars text that renders JSON, one registry per channel, since each channel has an escape of its own.
//!
//! `{{…}}` is always escaped and `{{{…}}}` refused, so that no template can let a requester's text out raw. Helpers: `plain`
//! (for text that no markup is read in), `code` (inside a block of code), `exact` (unchanged, for URLs), `json` (any value as JSON, exact), `moment` (a time that the reader's
//! client shows in the reader's zone).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use handlebars::Handlebars;
use handlebars::template::{DecoratorTemplate, HelperTemplate, Template, TemplateElement};
use serde_json::Value;

use super::schema::SchemaError;
use super::{Declaration, helpers, lines};
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;

/// Name of the template that serves events without one of their own.
const DEFAULT: &str = "default";
/// Largest template file, in bytes.
const MAX_TEMPLATE: u64 = 256 * 1024;

/// All templates, compiled.
pub struct Templates {
    registries: BTreeMap<&'static str, Handlebars<'static>>,
    /// Channels that have a template of the operator's.
    overridden: BTreeSet<&'static str>,
}

/// Templates that cannot be used; the hub does not start with them.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// A file or folder that cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Not a template.
    #[error("template {name}, line {line}: {detail}")]
    Syntax {
        /// Channel and event.
        name: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// A file that no event would use: a slip of the pen would go unnoticed.
    #[error("{path} is for no event: a template is called default.hbs, _part.hbs, or after one of {}", KINDS.join(", "))]
    UnknownEvent {
        /// Which.
        path: PathBuf,
    },
    /// A schema of ours that is none.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// A body that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The channel has no template for the event.
    #[error("no template {0}")]
    Missing(String),
    /// What is stored of the event's subject is not JSON.
    #[error("what the event is about cannot be read: {0}")]
    Subject(String),
    /// The template failed.
    #[error("template {name}, line {line}: {detail}")]
    Template {
        /// Channel and event.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// What it rendered is not JSON.
    #[error("template {name}, line {line}: what it renders is not JSON: {detail}")]
    NotJson {
        /// Channel and event.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// What it rendered is JSON, but nothing that the channel takes.
    #[error("template {name}: what it renders does not meet {schema} at {path:?}: {detail}")]
    Schema {
        /// Channel and event.
        name: String,
        /// Which schema.
        schema: &'static str,
        /// JSON Pointer (RFC 6901) into the body.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// Too big for the channel, however much is cut.
    #[error("template {name}: the message has {size} bytes, and the channel takes {budget}")]
    TooBig {
        /// Channel and event.
        name: String,
        /// Bytes.
        size: usize,
        /// Bytes.
        budget: usize,
    },
}

impl Templates {
    /// The built-in templates, overridden by `folder/<channel>/<event>.hbs`.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self, TemplatesError> {
        let mut registries = BTreeMap::new();
        for channel in Channel::ALL {
            let declaration = Declaration::of(channel);
            registries.insert(channel.as_str(), registry(declaration));
            for (event, text) in declaration.templates {
                register(&mut registries, channel.as_str(), event, text)?;
            }
        }
        let mut overridden = BTreeSet::new();
        if let Some(folder) = folder {
            fs::read_dir(folder).map_err(|cause| TemplatesError::Io { path: folder.to_owned(), cause })?;
            for channel in Channel::ALL {
                for (event, text) in read_folder(&folder.join(channel.as_str()))? {
                    overridden.insert(channel.as_str());
                    register(&mut registries, channel.as_str(), &event, &text)?;
                }
            }
        }
        Ok(Self { registries, overridden })
    }

    /// Whether all of the channel's templates are the built-in ones.
    pub(super) fn are_built_in(&self, channel: Channel) -> bool {
        !self.overridden.contains(channel.as_str())
    }

    /// The JSON that the template for `event` makes of `data`, and the template's name.
    pub(super) fn render(
        &self,
        channel: Channel,
        event: &str,
        data: &Value,
    ) -> Result<(String, String, Value), RenderError> {
        let missing = || RenderError::Missing(format!("{}/{event}", channel.as_str()));
        let registry = self.registries.get(channel.as_str()).ok_or_else(missing)?;
        let template = [event, DEFAULT].into_iter().find(|name| registry.has_template(name)).ok_or_else(missing)?;
        let name = format!("{}/{template}.hbs", channel.as_str());
        let text = registry.render(template, data).map_err(|error| RenderError::Template {
            name: name.clone(),
            line: error.line_no.unwrap_or(0),
            detail: error.reason().to_string(),
        })?;
        match serde_json::from_str(&text) {
            Ok(value) => Ok((name, text, value)),
            Err(error) => {
                let line = lines::of_error(registry, template, data, &error).unwrap_or(0);
                Err(RenderError::NotJson { name, line, detail: error.to_string() })
            }
        }
    }
}

fn registry(channel: &Declaration) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(channel.escape);
    helpers::register(&mut registry, channel);
    registry
}

fn register(
    registries: &mut BTreeMap<&'static str, Handlebars<'static>>,
    channel: &str,
    event: &str,
    text: &str,
) -> Result<(), TemplatesError> {
    let name = format!("{channel}/{event}.hbs");
    let syntax = |line, detail| TemplatesError::Syntax { name: name.clone(), line, detail };
    let template = Template::compile(text)
        .map_err(|error| syntax(error.pos().map_or(0, |(line, _)| line), error.reason().to_string()))?;
    if let Some(line) = raw_output(&template) {
        return Err(syntax(line, "{{{…}}} puts text into the message unescaped: write {{…}}".to_owned()));
    }
    let Some(registry) = registries.get_mut(channel) else { return Ok(()) };
    lines::register_marked(registry, event, text);
    registry.register_template(event, template);
    Ok(())
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, TemplatesError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| TemplatesError::Io { path, cause }
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder)(error)),
    };
    let mut templates = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(folder))?.path();
        let Some(event) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".hbs"))
        else {
            continue;
        };
        if !KINDS.contains(&event) && event != DEFAULT && !event.starts_with('_') {
            return Err(TemplatesError::UnknownEvent { path });
        }
        if fs::metadata(&path).map_err(failed(&path))?.len() > MAX_TEMPLATE {
            return Err(failed(&path)(io::Error::other("a template has at most 256 KiB")));
        }
        templates.push((event.to_owned(), fs::read_to_string(&path).map_err(failed(&path))?));
    }
    templates.sort();
    Ok(templates)
}

/// The line of the first `{{{…}}}` or `{{&…}}`.
fn raw_output(template: &Template) -> Option<usize> {
    template.elements.iter().zip(&template.mapping).find_map(|(element, place)| match element {
        TemplateElement::HtmlExpression(_) => Some(place.0),
        TemplateElement::HelperBlock(block) => raw_in_block(block),
        TemplateElement::DecoratorBlock(block) | TemplateElement::PartialBlock(block) => raw_in_decorator(block),
        _ => None,
    })
}

fn raw_in_block(block: &HelperTemplate) -> Option<usize> {
    [&block.template, &block.inverse].into_iter().flatten().find_map(raw_output)
}

fn raw_in_decorator(block: &DecoratorTemplate) -> Option<usize> {
    block.template.as_ref().and_then(raw_output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Templates, TemplatesError> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("teams")).expect("a folder");
        fs::write(folder.path().join("teams/request.voted.hbs"), text).expect("a file");
        Templates::load(Some(folder.path()))
    }

    fn error(text: &str, data: &Value) -> String {
        let templates = with(text).expect("compiles");
        templates.render(Channel::Teams, "request.voted", data).expect_err("fails").to_string()
    }

    #[test]
    fn folders_and_names_that_nothing_would_use_are_refused() {
        let missing = Templates::load(Some(Path::new("/nonexistent"))).map(drop).expect_err("no folder");
        assert!(missing.to_string().contains("/nonexistent"));
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("teams")).expect("a folder");
        fs::write(folder.path().join("teams/request.aproved.hbs"), "{}").expect("a file");
        let misspelt = Templates::load(Some(folder.path())).map(drop).expect_err("no event");
        assert!(misspelt.to_string().contains("request.aproved.hbs"));
    }

    #[test]
    fn raw_output_is_refused_wherever_it_stands() {
        for text in ["{{{a}}}", "\n\n{{&a}}", "{{#if a}}\n{{{b}}}{{/if}}", "{{#each a}}x{{else}}{{{b}}}{{/each}}"] {
            let error = with(text).map(drop).expect_err(text).to_string();
            assert!(error.contains("teams/request.voted.hbs") && error.contains("unescaped"), "{error}");
        }
    }

    #[test]
    fn syntax_errors_name_template_and_line() {
        let error = with("{\n\"a\": {{#if}\n}").map(drop).expect_err("no template").to_string();
        assert!(error.contains("teams/request.voted.hbs, line 2"), "{error}");
    }

    #[test]
    fn broken_json_names_the_templates_line_behind_loops_and_blocks() {
        let data = serde_json::json!({"items": ["one", "two", "three"]});
        let text = "{\n\"list\": [\n{{#each items}}\n\"{{this}}\",\n{{/each}}\n],\n\"x\": 1\n}";
        assert!(
            error(text, &data).contains("teams/request.voted.hbs, line 6: what it renders is not JSON"),
            "{}",
            error(text, &data)
        );
        assert!(error("{\n\"a\": \"x\"\n\"b\": 1}", &data).contains("line 3"));
    }

    #[test]
    fn missing_values_are_errors_with_their_line() {
        let error = error("{\n\"a\": \"{{nothing}}\"}", &serde_json::json!({}));
        assert!(error.contains("line 2") && error.contains("nothing"), "{error}");
    }

    #[test]
    fn values_cannot_leave_their_string() {
        let templates = with("{\"a\": \"{{x}}\", \"b\": \"{{plain x}}\"}").expect("compiles");
        let data = serde_json::json!({"x": "\", \"evil\": \"[y](z)\u{202e}"});
        let (_, _, value) = templates.render(Channel::Teams, "request.voted", &data).expect("renders");
        assert_eq!(value["a"], "\", \"evil\": \"\\[y\\]\\(z\\)⟨U\\+202E⟩");
        assert_eq!(value["b"], "\", \"evil\": \"[y](z)⟨U+202E⟩");
        assert!(value.get("evil").is_none());
    }
}

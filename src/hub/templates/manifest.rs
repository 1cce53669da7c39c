//! The templates of a manifest: tests them together, and saves them.

use serde::Deserialize;

use super::kept::save;
use super::named::{TemplateFor, check_name, check_text};
use super::trial::{Candidate, TemplateTargets};
use crate::approval::{EndpointName, ResourceName};
use crate::audit::Actor;
use crate::codes::Code;
use crate::hub::apply_plan::{ConfigChange, Verb};
use crate::hub::{EndpointInput, Hub, HubError};
use crate::store::endpoints::Channel;
use crate::store::templates::{self, Reach, TemplateKey};
use crate::store::{Tx, endpoints};
use crate::time::Timestamp;

/// A template in a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateManifest {
    pub channel: Channel,
    /// An event, `default`, or a part.
    pub event: String,
    /// Limits it to an endpoint.
    #[serde(default)]
    pub endpoint: Option<EndpointName>,
    /// Limits it to a resource.
    #[serde(default)]
    pub resource: Option<ResourceName>,
    /// Its text.
    #[serde(default)]
    pub template: Option<String>,
    /// The file with its text. The client reads it and sends `template`; the hub reads no files.
    #[serde(default)]
    pub file: Option<String>,
}

/// A template that was tested. The same manifest may create its endpoint, so the endpoint is identified by name.
#[derive(Debug, Clone)]
pub(in crate::hub) struct Checked {
    endpoint: Option<EndpointName>,
    wanted: Candidate,
}

impl Hub {
    /// Tests all templates of a manifest together, also for the endpoints that the manifest creates.
    pub(in crate::hub) async fn check_templates(
        &self,
        templates: &[TemplateManifest],
        endpoints: &[EndpointInput],
    ) -> Result<Vec<Checked>, HubError> {
        if templates.is_empty() {
            return Ok(Vec::new());
        }
        let mut targets = self.template_targets().await?;
        for endpoint in endpoints {
            targets.expect(None, &endpoint.name, endpoint.channel, self.clock.now());
        }
        let checked = templates.iter().enumerate().map(|(place, given)| check(&targets, place, given));
        let checked = checked.collect::<Result<Vec<_>, _>>()?;
        let wanted: Vec<Candidate> = checked.iter().map(|checked| checked.wanted.clone()).collect();
        for (place, one) in wanted.iter().enumerate() {
            if wanted.iter().take(place).any(|other| other.key == one.key) {
                return Err(HubError::invalid(
                    Code::NameTaken,
                    one.pointer.clone(),
                    "the manifest contains this template twice",
                ));
            }
        }
        self.try_templates(&targets, &wanted).await?;
        Ok(checked)
    }
}

fn check(targets: &TemplateTargets, place: usize, given: &TemplateManifest) -> Result<Checked, HubError> {
    let pointer = format!("/templates/{place}");
    check_name(&format!("{pointer}/event"), given.channel, &given.event)?;
    let Some(text) = &given.template else {
        let detail = match given.file {
            Some(_) => "the hub reads no files: send the text as `template`, as `countersign apply` does",
            None => "the text is missing: set `template`, or `file` for `countersign apply`",
        };
        return Err(HubError::invalid(Code::InvalidTemplate, pointer, detail));
    };
    let text_pointer = format!("{pointer}/template");
    check_text(&text_pointer, text)?;
    let endpoint = given.endpoint.as_ref().map(ToString::to_string);
    let what = TemplateFor { endpoint, resource: given.resource.clone() };
    let reach = targets.reach(given.channel, &pointer, &what)?;
    let key = TemplateKey { channel: given.channel, name: given.event.clone(), reach };
    Ok(Checked {
        endpoint: given.endpoint.clone(),
        wanted: Candidate { pointer: text_pointer, key, text: text.as_str().into() },
    })
}

/// Saves a tested template, and returns the line of the plan.
pub(in crate::hub) async fn put_checked(
    tx: &mut Tx,
    checked: Checked,
    now: Timestamp,
    actor: &Actor,
) -> Result<ConfigChange, HubError> {
    let Checked { endpoint, mut wanted } = checked;
    let mut reach = wanted.key.reach.to_string();
    if let Some(name) = endpoint {
        let known = endpoints::by_name(tx.session(), &name).await?.ok_or(HubError::NotFound("endpoint"))?;
        wanted.key.reach = Reach::Endpoint(known.id);
        reach = format!("endpoint:{name}");
    }
    let channel = wanted.key.channel.as_str();
    let name = format!("{channel}/{}{}{reach}", wanted.key.name, if reach.is_empty() { "" } else { " for " });
    let known = templates::get(tx.session(), &wanted.key).await?;
    let verb = match &known {
        None => Verb::Create,
        Some(known) if known.text.as_ref() == Some(&wanted.text) => Verb::Keep,
        Some(_) => Verb::Update,
    };
    save(tx, wanted, None, now, actor).await?;
    Ok(ConfigChange { verb, kind: "template", name, secret: None })
}

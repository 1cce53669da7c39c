//! Templates of a manifest.

use serde::Deserialize;

use super::kept::save;
use super::named::{TemplateFor, check_name, check_text};
use super::trial::{Places, Wanted};
use crate::approval::{EndpointName, ResourceName};
use crate::audit::Actor;
use crate::codes::Code;
use crate::hub::config::plan::{Change, Verb};
use crate::hub::{EndpointInput, Hub, HubError};
use crate::store::endpoints::Channel;
use crate::store::templates::{self, Reach, TemplateKey};
use crate::store::{Tx, endpoints};
use crate::time::Timestamp;

/// A template that should be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateManifest {
    /// Of which channel.
    pub channel: Channel,
    /// An event, `default`, or a part.
    pub event: String,
    /// The endpoint that it is for, by name.
    #[serde(default)]
    pub endpoint: Option<EndpointName>,
    /// The resource that it is for.
    #[serde(default)]
    pub resource: Option<ResourceName>,
    /// What it says.
    #[serde(default)]
    pub template: Option<String>,
    /// The file that holds what it says. Whoever sends the manifest reads it: a hub reads none.
    #[serde(default)]
    pub file: Option<String>,
}

/// One that was tried. Its endpoint may be made by the same manifest, so it is known by its name.
#[derive(Debug, Clone)]
pub(in crate::hub) struct Checked {
    endpoint: Option<EndpointName>,
    wanted: Wanted,
}

impl Hub {
    /// Tries all templates of a manifest, in place together, for its endpoints too.
    pub(in crate::hub) async fn check_templates(
        &self,
        templates: &[TemplateManifest],
        endpoints: &[EndpointInput],
    ) -> Result<Vec<Checked>, HubError> {
        if templates.is_empty() {
            return Ok(Vec::new());
        }
        let mut places = self.places().await?;
        for endpoint in endpoints {
            places.expect(None, &endpoint.name, endpoint.channel, self.clock.now());
        }
        let checked = templates.iter().enumerate().map(|(place, given)| check(&places, place, given));
        let checked = checked.collect::<Result<Vec<_>, _>>()?;
        let wanted: Vec<Wanted> = checked.iter().map(|checked| checked.wanted.clone()).collect();
        for (place, one) in wanted.iter().enumerate() {
            if wanted.iter().take(place).any(|other| other.key == one.key) {
                return Err(HubError::invalid(
                    Code::NameTaken,
                    one.pointer.clone(),
                    "this template is in the manifest twice",
                ));
            }
        }
        self.try_templates(&places, &wanted).await?;
        Ok(checked)
    }
}

fn check(places: &Places, place: usize, given: &TemplateManifest) -> Result<Checked, HubError> {
    let pointer = format!("/templates/{place}");
    check_name(&format!("{pointer}/event"), given.channel, &given.event)?;
    let Some(text) = &given.template else {
        let detail = match given.file {
            Some(_) => "a hub reads no files: send the text as `template`, as `countersign apply` does",
            None => "the text is missing: give `template`, or `file` to `countersign apply`",
        };
        return Err(HubError::invalid(Code::InvalidTemplate, pointer, detail));
    };
    let text_pointer = format!("{pointer}/template");
    check_text(&text_pointer, text)?;
    let endpoint = given.endpoint.as_ref().map(ToString::to_string);
    let what = TemplateFor { endpoint, resource: given.resource.clone() };
    let reach = places.reach(given.channel, &pointer, &what)?;
    let key = TemplateKey { channel: given.channel, name: given.event.clone(), reach };
    Ok(Checked {
        endpoint: given.endpoint.clone(),
        wanted: Wanted { pointer: text_pointer, key, text: text.as_str().into() },
    })
}

/// Makes it so.
pub(in crate::hub) async fn put_checked(
    tx: &mut Tx,
    checked: Checked,
    now: Timestamp,
    actor: &Actor,
) -> Result<Change, HubError> {
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
    Ok(Change { verb, kind: "template", name, secret: None })
}

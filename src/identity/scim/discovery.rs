//! What the interface can do, for programs that ask it first (RFC 7644 §4).

use serde_json::{Value, json};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// What is supported; `base` is the URL of the interface.
pub fn service_provider_config(base: &str, most: u32) -> Value {
    let no = json!({"supported": false});
    json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": most},
        "changePassword": no,
        "sort": no,
        "etag": no,
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Token of the hub",
            "description": "A token with the scope scim, as a bearer token (RFC 6750)",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {"resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig")},
    })
}

/// Both kinds of resource.
pub fn resource_types(base: &str) -> Vec<Value> {
    let kind = |name: &str, endpoint: &str, description: &str| {
        json!({
            "schemas": [RESOURCE_TYPE],
            "id": name,
            "name": name,
            "description": description,
            "endpoint": endpoint,
            "schema": format!("urn:ietf:params:scim:schemas:core:2.0:{name}"),
            "schemaExtensions": [],
            "meta": {"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{name}")},
        })
    };
    vec![
        kind("User", "/Users", "A person, known by an e-mail address"),
        kind("Group", "/Groups", "A group of people who decide"),
    ]
}

/// The schemas of both kinds, with the attributes that are kept.
pub fn schemas(base: &str) -> Vec<Value> {
    let schema = |name: &str, description: &str, attributes: Value| {
        let id = format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
        json!({
            "schemas": [SCHEMA],
            "id": id,
            "name": name,
            "description": description,
            "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{id}")},
        })
    };
    vec![
        schema("User", "A person, known by an e-mail address", user_attributes()),
        schema("Group", "A group of people who decide", group_attributes()),
    ]
}

fn user_attributes() -> Value {
    let unique = json!({"uniqueness": "server"});
    let needed = json!({"required": true});
    let email = [
        attribute("value", "string", "The address", &needed),
        attribute("type", "string", "What it is for", &json!({"canonicalValues": ["work", "home", "other"]})),
        attribute("primary", "boolean", "Whether it is the main one", &json!({})),
    ];
    let name = [
        attribute("formatted", "string", "The whole name", &json!({})),
        attribute("familyName", "string", "The family name", &json!({})),
        attribute("givenName", "string", "The given name", &json!({})),
    ];
    let emails = json!({"multiValued": true, "subAttributes": email, "required": true});
    json!([
        attribute(
            "userName",
            "string",
            "The name at the directory, best the e-mail address",
            &merged(&unique, &needed)
        ),
        attribute("name", "complex", "The parts of the name", &json!({"subAttributes": name})),
        attribute("displayName", "string", "What to call the person", &json!({})),
        attribute("emails", "complex", "Not needed if userName is an address", &emails),
        attribute("active", "boolean", "Whether the person may act", &needed),
    ])
}

fn group_attributes() -> Value {
    let fixed = json!({"mutability": "immutable"});
    let reference = merged(&fixed, &json!({"referenceTypes": ["User"]}));
    let parts = [
        attribute("value", "string", "The id of a user", &fixed),
        attribute("$ref", "reference", "The URL of the user", &reference),
        attribute("type", "string", "The kind of member", &merged(&fixed, &json!({"canonicalValues": ["User"]}))),
    ];
    let members = json!({"multiValued": true, "subAttributes": parts});
    json!([
        attribute("displayName", "string", "The name, also that of the hub's group", &json!({"required": true})),
        attribute("members", "complex", "Who is in the group", &members),
    ])
}

/// An attribute with the usual characteristics, but for those that are given (RFC 7643 §2.2).
fn attribute(name: &str, kind: &str, description: &str, given: &Value) -> Value {
    let usual = json!({
        "name": name,
        "type": kind,
        "multiValued": false,
        "description": description,
        "required": false,
        "mutability": "readWrite",
        "returned": "default",
    });
    let usual = match kind {
        "string" => merged(&usual, &json!({"caseExact": false, "uniqueness": "none"})),
        "reference" => merged(&usual, &json!({"caseExact": true, "uniqueness": "none"})),
        _ => usual,
    };
    merged(&usual, given)
}

fn merged(one: &Value, other: &Value) -> Value {
    let members = [one, other].into_iter().filter_map(Value::as_object).flatten();
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

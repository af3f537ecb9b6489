//! The contract: what the schemas in `tests/contract/` say of events and alert records.

use jsonschema::Validator;
use serde_json::Value;

/// What the schema of events has against this one; empty when it is valid.
pub(crate) fn faults_of_event(event: &Value) -> Vec<String> {
    faults(include_str!("../contract/event.schema.json"), event)
}

/// What the schema of alert records has against this one; empty when it is valid.
pub(crate) fn faults_of_alert(alert: &Value) -> Vec<String> {
    faults(include_str!("../contract/alert.schema.json"), alert)
}

fn faults(schema: &str, document: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    let validator: Validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema");
    validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

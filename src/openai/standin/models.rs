//! `GET /v1/models` and `GET /v1/models/ID`.
//!
//! Every id gets the stand-in's one model: it takes requests for any model, and a worker that looks
//! up its own must not fail here.

use axum::Json;
use serde_json::{Value, json};

use super::identity::{CREATED, MODEL};

/// The list of the one model.
pub(super) async fn list() -> Json<Value> {
    Json(json!({ "object": "list", "data": [model()] }))
}

/// The one model, whatever was asked for.
pub(super) async fn retrieve() -> Json<Value> {
    Json(model())
}

fn model() -> Value {
    json!({ "id": MODEL, "object": "model", "created": CREATED, "owned_by": "arcanos" })
}

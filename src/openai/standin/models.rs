//! `GET /v1/models` and `GET /v1/models/ID`.
//!
//! Each id is answered for, and with the one model there is: the stand-in takes requests for any
//! model, and a worker that looks up its own must not fail here.

use axum::Json;
use serde_json::{Value, json};

use super::{CREATED, MODEL};

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

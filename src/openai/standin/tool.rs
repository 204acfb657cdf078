//! The call of a tool that a request demands by its `tool_choice`.
//!
//! `required` gets a call of the first tool, a named one a call of that; `auto` and `none` get none,
//! since the stand-in has no opinion of its own. The arguments are an instance of the tool's schema.

use serde_json::{Map, Value, json};

use super::{identity::MARK, refusal::Refusal, schema};

/// A call of a tool, always the same for the same question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The tool's name.
    pub(super) name: String,
    /// What it is called with.
    pub(super) arguments: Arguments,
}

/// What a tool is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    /// JSON, as the text in which it is sent.
    Json(String),
    /// The free text of a custom tool.
    Text(String),
}

impl Arguments {
    /// The text that is sent.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Json(text) | Self::Text(text) => text,
        }
    }
}

/// What a request demands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Demand<'a> {
    Nothing,
    Any,
    Named(&'a str),
}

/// The call that the body of a chat or of a response demands.
pub(super) fn demanded(body: &Map<String, Value>) -> Result<Option<Call>, Refusal> {
    let tools = body.get("tools").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let allowed = body.get("tool_choice").and_then(allowed_tools);
    let callable = || {
        let is_allowed =
            |name: &str| allowed.as_ref().is_none_or(|(_, names)| names.contains(&name));
        tools.iter().filter_map(Tool::of).filter(move |tool| is_allowed(tool.name))
    };
    let demand = match &allowed {
        Some((demand, _)) => demand.clone(),
        None => demand(body.get("tool_choice"))?,
    };
    let unknown = Refusal::Invalid {
        parameter: "tool_choice",
        expected: "the name of a function or custom tool in `tools`",
    };
    match demand {
        Demand::Nothing => Ok(None),
        Demand::Any => callable().next().map(|tool| Some(tool.call())).ok_or(unknown),
        Demand::Named(name) => {
            let tool = callable().find(|tool| tool.name == name);
            tool.map(|tool| Some(tool.call())).ok_or(unknown)
        }
    }
}

/// Reads `tool_choice`, in the form of chats (`function.name`) and of responses (`name`).
fn demand(choice: Option<&Value>) -> Result<Demand<'_>, Refusal> {
    let bad = Refusal::Invalid {
        parameter: "tool_choice",
        expected: "`none`, `auto`, `required` or a tool",
    };
    match choice {
        None | Some(Value::Null) => Ok(Demand::Nothing),
        Some(Value::String(mode)) => mode_of(mode).ok_or(bad),
        Some(Value::Object(tool)) => {
            let inner = ["function", "custom"].iter().find_map(|kind| tool.get(*kind));
            let name = inner.and_then(|inner| inner.get("name")).or_else(|| tool.get("name"));
            name.and_then(Value::as_str).map(Demand::Named).ok_or(bad)
        }
        Some(_) => Err(bad),
    }
}

fn mode_of(mode: &str) -> Option<Demand<'static>> {
    match mode {
        "none" | "auto" => Some(Demand::Nothing),
        "required" => Some(Demand::Any),
        _ => None,
    }
}

/// A `tool_choice` of the type `allowed_tools`: its mode, and the names of the tools.
fn allowed_tools(choice: &Value) -> Option<(Demand<'static>, Vec<&str>)> {
    (choice.get("type")?.as_str()? == "allowed_tools").then_some(())?;
    let inner = choice.get("allowed_tools").unwrap_or(choice);
    let mode = inner.get("mode").and_then(Value::as_str).and_then(mode_of)?;
    let tools = inner.get("tools")?.as_array()?.iter();
    let names = tools.filter_map(|tool| {
        let named = ["function", "custom"].iter().find_map(|kind| tool.get(*kind)).unwrap_or(tool);
        named.get("name")?.as_str()
    });
    Some((mode, names.collect()))
}

/// A tool that a client runs itself; those that OpenAI runs have no call.
struct Tool<'a> {
    name: &'a str,
    /// The schema of its arguments; `None` where it takes free text.
    parameters: Option<&'a Value>,
}

impl<'a> Tool<'a> {
    /// In chats the description is a member of its own, in responses it is the tool itself.
    fn of(tool: &'a Value) -> Option<Self> {
        let kind = tool.get("type").and_then(Value::as_str)?;
        let described = tool.get(kind).unwrap_or(tool);
        let name = described.get("name")?.as_str()?;
        let parameters = match kind {
            "function" => Some(described.get("parameters").unwrap_or(&Value::Null)),
            "custom" => None,
            _ => return None,
        };
        Some(Self { name, parameters })
    }

    fn call(&self) -> Call {
        let arguments = match self.parameters {
            None => Arguments::Text(MARK.to_owned()),
            // A function without parameters is called with an empty object.
            Some(Value::Null) => Arguments::Json(json!({}).to_string()),
            Some(schema) => Arguments::Json(schema::instance(schema, MARK).to_string()),
        };
        Call { name: self.name.to_owned(), arguments }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(body: Value) -> Result<Option<Call>, Refusal> {
        demanded(body.as_object().expect("an object"))
    }

    fn json_call(name: &str, arguments: &str) -> Option<Call> {
        let arguments = Arguments::Json(arguments.to_owned());
        Some(Call { name: name.to_owned(), arguments })
    }

    #[test]
    fn a_call_is_made_where_it_is_demanded_and_fits_the_schema() {
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" },
            "days": { "type": "integer", "minimum": 2 } }, "required": ["city", "days"] });
        let of_chat = json!([
            { "type": "function", "function": { "name": "one" } },
            { "type": "function", "function": { "name": "two", "parameters": schema } },
        ]);
        let of_response = json!([
            { "type": "web_search" },
            { "type": "function", "name": "one" },
            { "type": "function", "name": "two", "parameters": schema },
        ]);
        let two = json_call("two", r#"{"city":"[arcanos stand-in]","days":2}"#);
        for tools in [&of_chat, &of_response] {
            for (choice, expected) in [
                (json!(null), None),
                (json!("auto"), None),
                (json!("none"), None),
                (json!("required"), json_call("one", "{}")),
                (json!({ "type": "function", "function": { "name": "two" } }), two.clone()),
                (json!({ "type": "function", "name": "two" }), two.clone()),
                (
                    json!({ "type": "allowed_tools", "mode": "required",
                        "tools": [{ "type": "function", "name": "two" }] }),
                    two.clone(),
                ),
                (
                    json!({ "type": "allowed_tools", "allowed_tools": { "mode": "required",
                        "tools": [{ "type": "function", "function": { "name": "two" } }] } }),
                    two.clone(),
                ),
                (json!({ "type": "allowed_tools", "mode": "auto", "tools": [] }), None),
            ] {
                let made = call(json!({ "tools": tools, "tool_choice": choice }));
                assert_eq!(made, Ok(expected), "{choice}");
            }
        }
    }

    #[test]
    fn a_custom_tool_is_called_with_text() {
        let made = call(json!({ "tools": [{ "type": "custom", "custom": { "name": "sql" } }],
            "tool_choice": { "type": "custom", "custom": { "name": "sql" } } }));
        let arguments = Arguments::Text(MARK.to_owned());
        assert_eq!(made, Ok(Some(Call { name: "sql".to_owned(), arguments })));
    }

    #[test]
    fn a_choice_of_no_tool_is_refused() {
        let tools = json!([{ "type": "function", "function": { "name": "one" } }]);
        for (tools, choice) in [
            (&tools, json!({ "type": "function", "function": { "name": "gone" } })),
            (&json!([]), json!("required")),
            (&tools, json!("always")),
            (&tools, json!(7)),
        ] {
            let made = call(json!({ "tools": tools, "tool_choice": choice }));
            assert!(
                matches!(made, Err(Refusal::Invalid { parameter: "tool_choice", .. })),
                "{choice}"
            );
        }
    }
}

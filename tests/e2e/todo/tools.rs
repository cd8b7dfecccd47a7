//! A client of the MCP tools: the API and the database show the effects of its calls.

use std::process::Command;

use serde_json::Value;

use super::{Forward, TOOLS, given, program, script, sql, titles, user};
use crate::bed::Bed;

const NAMES: [&str; 5] = ["add_task", "complete_task", "delete_task", "list_tasks", "update_task"];

pub fn five_tools(bed: &Bed) {
    let forward = Forward::to(bed, TOOLS, 8001);
    let url = format!("http://127.0.0.1:{}/mcp", forward.port);
    let (secret, user) = (secret(bed), user::id(bed));
    let call = |tool: &str, arguments: &Value| -> Value {
        let mut python = Command::new(given("TODO_BOOTSTRAP_E2E_PYTHON"));
        python.arg(script(bed, "tests/e2e/mcp_client.py")).args([&url, tool, &arguments.to_string()]);
        // Passed by the environment, which no process list and no log shows.
        python.env("INTERNAL_API_TOKEN", &secret).env("USER_ID", &user);
        let said = program(python, &format!("mcp_client.py {tool} {arguments}"));
        serde_json::from_str(said.trim()).expect("JSON of the client")
    };
    let mut names: Vec<String> = serde_json::from_value(call("--list", &Value::Null)).expect("names");
    names.sort();
    assert_eq!(names, NAMES);

    let added = call("add_task", &serde_json::json!({ "title": "by a tool" }));
    let id = added["id"].as_i64().expect("the id of the task");
    let row = |columns: &str| sql(bed, &format!("select {columns} from tasks where id = {id}"));
    assert_eq!(row("title"), ["by a tool"]);
    assert!(titles(bed).contains(&"by a tool".to_owned()));
    let listed = call("list_tasks", &serde_json::json!({}));
    assert!(listed.to_string().contains("by a tool"), "{listed}");
    call("update_task", &serde_json::json!({ "task_id": id, "title": "renamed by a tool" }));
    assert!(titles(bed).contains(&"renamed by a tool".to_owned()));
    call("complete_task", &serde_json::json!({ "task_id": id }));
    assert_eq!(row("title, completed"), ["renamed by a tool|t"]);
    call("delete_task", &serde_json::json!({ "task_id": id }));
    assert_eq!(row("title"), [""; 0]);
    assert!(!titles(bed).contains(&"renamed by a tool".to_owned()));
}

/// The key with which the client signs the user's token.
fn secret(bed: &Bed) -> String {
    super::config::get(&bed.project.join(".env"), "INTERNAL_API_TOKEN").trim_matches('"').to_owned()
}

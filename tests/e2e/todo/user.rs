//! A user of the application, for the tests of tasks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::http::{Address, Reply};

const EMAIL: &str = "e2e@example.test";
const PASSWORD: &str = "a long password of the tests";

thread_local! {
    /// The sessions by address. They outlive tokens, and only a few log-ins per minute are allowed.
    static SESSIONS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// A request to the API as that user.
pub fn call(bed: &Bed, method: &str, path: &str, body: &str) -> Result<Reply, String> {
    call_at(&bed.address(), method, path, body)
}

/// The same for the application at another address.
pub fn call_at(address: &Address, method: &str, path: &str, body: &str) -> Result<Reply, String> {
    let token = format!("Bearer {}", token(address)?);
    address.send(method, path, &[("Authorization", &token)], body)
}

/// The user's id in the services.
pub fn id(bed: &Bed) -> String {
    let reply = with_session(&bed.address(), "/auth/get-session").expect("a session");
    let session: Value = serde_json::from_str(&reply.body).expect("JSON");
    session["user"]["id"].as_str().expect("an id").to_owned()
}

fn token(address: &Address) -> Result<String, String> {
    let reply = with_session(address, "/auth/token")?;
    let token: Value = serde_json::from_str(&reply.body).map_err(|error| format!("{error}: {reply:?}"))?;
    token["token"].as_str().map(str::to_owned).ok_or_else(|| format!("no token: {reply:?}"))
}

/// The database may have changed since the last call: then the session is invalid.
fn with_session(address: &Address, path: &str) -> Result<Reply, String> {
    let known = SESSIONS.with_borrow(|sessions| sessions.get(&address.url()).cloned());
    if let Some(cookie) = known {
        let reply = address.send("GET", path, &[("Cookie", &cookie)], "")?;
        if reply.status == 200 && reply.body != "null" {
            return Ok(reply);
        }
    }
    let cookie = log_in(address)?;
    SESSIONS.with_borrow_mut(|sessions| sessions.insert(address.url(), cookie.clone()));
    address.send("GET", path, &[("Cookie", &cookie)], "")
}

fn log_in(address: &Address) -> Result<String, String> {
    let origin = address.url().trim_end_matches('/').to_owned();
    let ask =
        |path: &str, body: &Value| address.send("POST", path, &[("Origin", &origin)], &body.to_string());
    let mut reply = ask("/auth/sign-in/email", &json!({"email": EMAIL, "password": PASSWORD}))?;
    if reply.status == 401 {
        let new = json!({"name": "E2E", "email": EMAIL, "password": PASSWORD});
        reply = ask("/auth/sign-up/email", &new)?;
    }
    if reply.status == 200 { Ok(reply.cookies.join("; ")) } else { Err(format!("no log-in: {reply:?}")) }
}

//! Journeys against a server of this test.

use std::time::Duration;

use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::cancel::Reason;
use crate::checks::testing::with_server;
use crate::checks::{Context, Outcome, Spec, run_all, run_once};
use crate::kubernetes::testing::serve;
use crate::progress::State;

const HEAD: &str = "title = \"t\"\nkind = \"journey\"\n";

const JOIN: &str = r#"
[vars]
user = "j-{random}"
password = "{secret}"

[[step]]
name = "join"
hop = "ingress → accounts"
method = "POST"
path = "/join"
json = { user = "{user}", password = "{password}" }
expect = { status = 201 }
capture = { id = "/id", token = "header:x-token", session = "cookie:sid" }
show = ["id"]
"#;

const LEAVE: &str = r#"
[[finally]]
name = "leave"
undoes = "join"
method = "DELETE"
path = "/users/{id}"
expect = { status = 204 }
"#;

const TALK: &str = r#"
[[step]]
name = "chat"
method = "POST"
path = "/chat"
headers = { authorization = "Bearer {token}" }
body = "text"
expect = { events = [{ event = "done" }], no-events = ["error"] }
capture = { talk = "sse:start:/talk" }

[[step]]
name = "form"
method = "POST"
path = "/talks/{talk}"
form = { said = "x&y", of = "{talk}" }
expect = { json = { "/n/0/id" = "{id}" } }
"#;

/// Goes on with what a test expects.
const ECHO: &str = r#"
[[step]]
name = "echo"
method = "POST"
path = "/echo"
headers = { authorization = "Bearer {token}" }
json = { of = ["{user}", "{password}", "{session}"] }
"#;

const READ: &str = r#"
[[step]]
name = "read"
hop = "ingress → API → database"
path = "/notes?of={id}"
"#;

const SLOW: &str = r#"
[[step]]
name = "slow"
path = "/slow"
"#;

fn parse(text: &str) -> Result<Spec, String> {
    Spec::parse("x", "f", &format!("{HEAD}{text}")).map_err(|error| error.to_string())
}

/// What came of it, and the warnings.
fn with_warnings(
    server: &MockServer,
    f: impl FnOnce(&Context<'_>) -> Vec<Outcome>,
) -> (Outcome, Vec<String>) {
    let (mut outcomes, recorder) = with_server(&server.uri(), f);
    let events = recorder.events();
    let warnings = events.iter().filter(|event| event.state == State::Warning);
    (outcomes.remove(0), warnings.map(|event| event.message.clone()).collect())
}

fn once(server: &MockServer, text: &str) -> (Outcome, Vec<String>) {
    let spec = parse(text).unwrap();
    with_warnings(server, |cx| run_once(cx, &[spec]))
}

/// `METHOD path` of all that the server was asked.
fn asked(runtime: &tokio::runtime::Runtime, server: &MockServer) -> Vec<String> {
    let requests = runtime.block_on(server.received_requests()).unwrap();
    requests.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
}

fn join() -> Mock {
    let answer = ResponseTemplate::new(201)
        .insert_header("x-token", "canary-token-1")
        .append_header("set-cookie", "sid=canary-cookie-1; Path=/; HttpOnly")
        .append_header("set-cookie", "other=canary-cookie-2; Path=/elsewhere")
        .set_body_json(serde_json::json!({"id": 7, "session": {"refreshToken": "canary-unasked-1"}}));
    Mock::given(method("POST")).and(path("/join")).respond_with(answer)
}

fn leave(status: u16) -> Mock {
    Mock::given(method("DELETE")).and(path("/users/7")).respond_with(ResponseTemplate::new(status))
}

#[test]
fn values_go_from_step_to_step() {
    let chat = "event: start\ndata: {\"talk\":\"a b/c\"}\n\nevent: done\ndata: {}\n\n";
    let chat = Mock::given(method("POST"))
        .and(path("/chat"))
        .and(header("authorization", "Bearer canary-token-1"))
        .and(header("cookie", "sid=canary-cookie-1"))
        .and(header("host", "app.localhost"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(chat, "text/event-stream"));
    let form = Mock::given(method("POST"))
        .and(path("/talks/a%20b%2Fc"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string("of=a%20b%2Fc&said=x%26y"))
        .respond_with(ResponseTemplate::new(200).set_body_json(serde_json::json!({"n": [{"id": 7}]})));
    let (runtime, server) = serve([join(), chat, form, leave(204)]);
    let text = format!("{JOIN}{TALK}{LEAVE}");
    let (outcome, warnings) = once(&server, &text);
    assert!(outcome.passed, "{}", outcome.detail);
    assert!(warnings.is_empty(), "{warnings:?}");
    let detail = &outcome.detail;
    assert!(detail.starts_with("3 steps in ") && detail.contains(" s, the longest: "), "{detail}");
    assert_eq!(
        asked(&runtime, &server),
        ["POST /join", "POST /chat", "POST /talks/a%20b%2Fc", "DELETE /users/7"]
    );
}

/// All that a failing journey says: the step, its way, what was expected and what came instead.
#[test]
fn a_failure_names_its_hop_and_what_it_made_is_removed() {
    let long = format!("down: {}", "ü".repeat(400));
    let broken = Mock::given(path("/notes")).respond_with(ResponseTemplate::new(500).set_body_string(long));
    let (runtime, server) = serve([join(), broken, leave(204)]);
    let text = format!("help = \"look there\"\n{JOIN}{READ}{LEAVE}");
    let (outcome, warnings) = once(&server, &text);
    assert!(!outcome.passed && warnings.is_empty());
    let detail = &outcome.detail;
    let start = "step 2 of 2, read (ingress → API → database): GET http://app.localhost/notes?of={id} answered 500 instead of 200: down: üü";
    assert!(detail.starts_with(start) && detail.contains("ü…; steps before it: join "), "{detail}");
    assert_eq!(detail.matches('ü').count(), 300 - "down: ".len());
    assert_eq!(outcome.help, "look there");
    assert_eq!(asked(&runtime, &server), ["POST /join", "GET /notes", "DELETE /users/7"]);
}

/// What is gone already is as good as removed.
#[test]
fn what_cannot_be_removed_is_a_warning() {
    let left = "something may be left behind: leave (ingress → app.localhost): DELETE http://app.localhost/users/{id} answered 500 instead of 204";
    for (status, expected) in [(500, &[left][..]), (404, &[])] {
        let (runtime, server) = serve([join(), leave(status)]);
        let (outcome, warnings) = once(&server, &format!("{JOIN}{LEAVE}"));
        assert!(outcome.passed && warnings == expected, "{warnings:?}");
        assert_eq!(asked(&runtime, &server), ["POST /join", "DELETE /users/7"]);
    }
}

#[test]
fn nothing_is_removed_that_was_never_made() {
    let refused =
        Mock::given(path("/join")).respond_with(ResponseTemplate::new(422).set_body_string("taken"));
    let (runtime, server) = serve([refused]);
    let (outcome, warnings) = once(&server, &format!("{JOIN}{LEAVE}"));
    assert!(!outcome.passed && outcome.detail.contains("422 instead of 201: taken; steps before it: none"));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(asked(&runtime, &server), ["POST /join"]);
}

#[test]
fn a_journey_that_is_interrupted_removes_what_it_made() {
    let (sender, arrived) = std::sync::mpsc::channel();
    let slow = move |_: &wiremock::Request| {
        let _ = sender.send(());
        ResponseTemplate::new(200).set_delay(Duration::from_secs(20))
    };
    let (runtime, server) = serve([join(), Mock::given(path("/slow")).respond_with(slow), leave(204)]);
    let spec = parse(&format!("timeout = \"20s\"\n{JOIN}{SLOW}{LEAVE}")).unwrap();
    let (outcome, warnings) = with_warnings(&server, |cx| {
        let cancel = cx.task.cancel.clone();
        let stop = std::thread::spawn(move || {
            arrived.recv().unwrap();
            cancel.cancel(Reason::Interrupted);
        });
        let outcomes = run_all(cx, &[spec]);
        stop.join().unwrap();
        outcomes
    });
    assert_eq!((outcome.passed, outcome.detail.as_str()), (false, "not finished: interrupted"));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(asked(&runtime, &server), ["POST /join", "GET /slow", "DELETE /users/7"]);
}

#[test]
fn no_secret_is_shown() {
    let echo = |request: &wiremock::Request| {
        let told: Vec<String> =
            request.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let body = String::from_utf8_lossy(&request.body);
        let text = format!("{} {body} {} {{\"api_key\":\"canary-key-1\"}}", told.join(", "), request.url);
        ResponseTemplate::new(400)
            .insert_header("x-echo", text.replace(|c: char| !c.is_ascii_graphic(), " ").as_str())
            .insert_header("set-cookie", "sid=canary-cookie-3; Path=/")
            .set_body_string(format!("sid=canary-cookie-3 {text}"))
    };
    let (runtime, server) = serve([join(), Mock::given(path("/echo")).respond_with(echo), leave(500)]);
    let step = |expect: &str| format!("{JOIN}{ECHO}expect = {{{expect}}}\n{LEAVE}");
    for expect in [
        "",
        "status = 400, headers = {x-echo = \"{password}\", set-cookie = \"{session}\", x-none = \"{token}\"}",
        "status = 400, headers = {x-echo = \"nothing like {token}\"}",
        "status = 400, body = \"{password} {token}\"",
        "status = 400, contains = [\"{token}\", \"{password}\", \"or {session}\"]",
        "status = 400, json = {\"/token\" = \"{token}\"}",
    ] {
        let spec = [parse(&step(expect)).unwrap()];
        let (outcomes, recorder) = with_server(&server.uri(), |cx| run_once(cx, &spec));
        let all = format!("{outcomes:?} {:?} {spec:?}", recorder.events());
        assert!(!outcomes[0].passed && all.contains("step 2 of 2"), "{all}");
        assert!(!all.contains("canary"), "{all}");
        for request in runtime.block_on(server.received_requests()).unwrap() {
            let Ok(body) = serde_json::from_slice::<serde_json::Value>(&request.body) else { continue };
            for made in ["user", "password"].iter().filter_map(|key| body[key].as_str()) {
                assert!(made.len() > 12 && !all.contains(made) && !all.contains(&made[4..]), "{all}");
            }
        }
    }
}

#[test]
fn what_only_starts_is_asked_again_and_what_is_wrong_is_not() {
    let start = |status: u16| {
        let early = Mock::given(path("/")).respond_with(ResponseTemplate::new(status)).up_to_n_times(2);
        let late = Mock::given(path("/")).respond_with(ResponseTemplate::new(200)).with_priority(9);
        let (_runtime, server) = serve([early, late]);
        let spec = parse("timeout = \"10s\"\n[[step]]\nname = \"page\"\npath = \"/\"\n").unwrap();
        with_warnings(&server, |cx| run_all(cx, &[spec])).0
    };
    for status in [404, 503] {
        let outcome = start(status);
        assert!(outcome.passed && outcome.millis >= 100, "{outcome:?}");
    }
    let wrong = start(500);
    assert!(!wrong.passed && wrong.millis < 5000, "{wrong:?}");
    assert!(wrong.help.starts_with("todo-bootstrap logs"));
}

/// An application that limits the rate of logins is not broken.
#[test]
fn a_rate_limit_is_waited_for_as_long_as_the_application_asks() {
    let busy = |name: &'static str, wait: &str| ResponseTemplate::new(429).insert_header(name, wait);
    for name in ["retry-after", "x-retry-after"] {
        let first = |what: Mock| what.up_to_n_times(1).with_priority(1);
        let full = first(Mock::given(path("/join")).respond_with(busy(name, "1")));
        let also = first(Mock::given(path("/users/7")).respond_with(busy(name, "1")));
        let (runtime, server) = serve([full, also, join(), leave(204)]);
        let (outcome, warnings) = once(&server, &format!("timeout = \"10s\"\n{JOIN}{LEAVE}"));
        assert!(outcome.passed && outcome.millis >= 1000 && warnings.is_empty(), "{outcome:?} {warnings:?}");
        let all = ["POST /join", "POST /join", "DELETE /users/7", "DELETE /users/7"];
        assert_eq!(asked(&runtime, &server), all);
    }
    for wait in ["10", "soon"] {
        let (runtime, server) = serve([Mock::given(path("/join")).respond_with(busy("retry-after", wait))]);
        let (outcome, _) = once(&server, &format!("timeout = \"10s\"\n{JOIN}"));
        assert!(!outcome.passed && outcome.detail.contains("answered 429 instead of 201"), "{outcome:?}");
        assert_eq!(asked(&runtime, &server).len(), 1, "no wait longer than its time, none of unknown length");
    }
}

#[test]
fn steps_and_the_whole_have_their_time() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
    let (_runtime, server) = serve([Mock::given(path("/")).respond_with(slow)]);
    let check = |whole: &str, step: &str| {
        once(
            &server,
            &format!(
                "timeout = \"{whole}\"\n[[step]]\nname = \"page\"\npath = \"/\"\ntimeout = \"{step}\"\n"
            ),
        )
        .0
        .detail
    };
    let one = check("10s", "200ms");
    assert!(one.contains("gave no answer within 0.20 s;"), "{one}");
    let whole = check("300ms", "10s");
    assert!(whole.contains("gave no answer within 0.") && whole.contains("left of the `timeout`"), "{whole}");
}

#[test]
fn what_is_to_be_captured_must_be_there() {
    let answer = ResponseTemplate::new(200).set_body_json(serde_json::json!({"id": null, "at": {"n": 1}}));
    let (_runtime, server) = serve([Mock::given(path("/")).respond_with(answer)]);
    for (from, what) in [
        ("/id", "/id"),
        ("/at/m", "/at/m"),
        ("header:X-None", "header x-none"),
        ("cookie:sid", "cookie sid"),
        ("sse:done:/id", "/id in event done"),
    ] {
        let text = format!("[[step]]\nname = \"a\"\npath = \"/\"\ncapture = {{got = \"{from}\"}}\n");
        let detail = once(&server, &text).0.detail;
        assert!(detail.contains(&format!("answered 200, but without {what} for {{got}}: {{\"")), "{detail}");
    }
}

#[test]
fn a_bad_file_names_every_mistake_with_its_line() {
    let text = "\
[vars]
Email = \"x\"
host = \"x\"
user = \"{other}\"
[[step]]
path = \"/{usr}\"
json = {a = 1}
body = \"{token}\"
[step.expect]
status = 2000
contains = [\"{token}\", \"{nope}\"]
[step.capture]
token = \"token\"
user = \"/id\"
[[step]]
name = \"a\"
path = \"b\"
undoes = \"a\"
show = [\"id\"]
[step.headers]
\"a b\" = \"c\"
x-token = \"{token} {late}\"
[[step]]
name = \"a\"
path = \"/\"
timeout = \"never\"
capture = {late = \"sse:done\"}
[[finally]]
name = \"z\"
undoes = \"b\"
method = \"get\"
path = \"/{late}\"
";
    let error = Spec::parse("x", "f", &format!("{HEAD}{text}")).unwrap_err();
    let wants = [
        "f:4: `vars.Email` is not a valid name",
        "f:5: `vars.host` is a predefined name",
        "f:6: `vars.user` contains `{other}`",
        "f:8: `step[0].path` uses `{usr}`, which neither [vars] nor an earlier step defines (did you mean `user`?)",
        "f:9: `step[0].json` is a second body",
        "f:10: `step[0].body` uses `{token}`",
        "f:11: `step[0].expect` uses `{nope}`",
        "f:11: `step[0].expect` uses `{token}`",
        "f:12: `step[0].expect.status` must be",
        "f:15: `step[0].capture.token` is \"token\", but must be one of",
        "f:16: `step[0].capture.user` is a variable",
        "f:19: `step[1].path` must start with `/`",
        "f:20: unknown key `step[1].undoes`",
        "f:21: `step[1].show` names `id`",
        "f:23: `step[1].headers.a b` has the bad name",
        "f:24: `step[1].headers.x-token` uses `{late}`",
        "f:26: `step[2].name` is \"a\", like that of an earlier step",
        "f:28: `step[2].timeout`",
        "f:29: `step[2].capture.late` is \"sse:done\"",
        "f:32: `finally[0].undoes` is \"b\", but must be one of: a",
        "f:33: `finally[0].method`",
        "f: `step[0].name` is missing",
        "f: `step[0].method` is missing, and GET has no body",
    ];
    let causes = error.causes();
    for want in wants {
        assert!(causes.iter().any(|cause| cause.starts_with(want)), "{want} in\n{}", causes.join("\n"));
    }
    assert_eq!(causes.len(), wants.len(), "{}", causes.join("\n"));
    assert!(parse("").unwrap_err().contains("`step` is missing"));
}

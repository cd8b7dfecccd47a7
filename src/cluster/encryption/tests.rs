//! The keys, and what a rotation asks of an API server.

use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

use super::*;
use crate::kubernetes::testing::{serve, with_server};

fn secrets(keys: &Encryption) -> Vec<String> {
    keys.keys.iter().map(|key| key.secret.expose_secret().to_owned()).collect()
}

#[test]
fn keys_are_new_and_whole_and_shown_by_their_ids_only() {
    let (first, second) = (Encryption::generate().unwrap(), Encryption::generate().unwrap());
    let [one, other] = [&first, &second].map(|keys| secrets(keys)[0].clone());
    assert!(one != other && first.id() != second.id());
    assert_eq!(BASE64_STANDARD.decode(&one).unwrap().len(), 32);
    assert_eq!(format!("{first:?}"), format!("[\"{}\"]", first.id()));

    let text = first.text();
    let config: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["resources"][0]["resources"], json!(["secrets"]));
    assert_eq!(config["resources"][0]["providers"].as_array().unwrap().len(), 1, "no plain text: {text}");
    let read = Encryption::parse(text.as_bytes()).unwrap();
    assert_eq!((read.text(), secrets(&read)), (text.clone(), secrets(&first)));
    for damaged in ["", "{}", &text[..text.len() / 2], &text.replace(&one, "c2hvcnQ=")] {
        assert!(Encryption::parse(damaged.as_bytes()).is_none(), "{damaged:?}");
    }
}

#[test]
fn a_rotation_that_was_interrupted_adds_no_third_key() {
    let mut keys = Encryption::generate().unwrap();
    let old = keys.id().to_owned();
    keys.add_key().unwrap();
    let new = keys.id().to_owned();
    assert_ne!(new, old);
    keys.add_key().unwrap();
    assert_eq!((keys.id(), keys.keys.len()), (new.as_str(), 2));
    assert_eq!(keys.drop_old(), [old]);
    assert_eq!((keys.id(), keys.keys.len()), (new.as_str(), 1));
}

#[test]
fn a_key_is_in_use_once_the_metrics_say_so() {
    let keys = Encryption::generate().unwrap();
    let line = |hash: &str| format!("{LOADED}apiserver_id_hash=\"sha256:1\",hash=\"sha256:{hash}\"}} 1\n");
    let answer = |text: String| {
        Mock::given(method("GET"))
            .and(path("/metrics"))
            .respond_with(ResponseTemplate::new(200).set_body_string(text))
    };
    let now = line(&sha256(keys.text().as_bytes()));
    let mocks = [answer(line("0")).up_to_n_times(1).expect(1), answer(now).expect(1)];
    let (_runtime, server) = serve(mocks);
    with_server(&server.uri(), |task, kube| keys.loaded(task, kube)).0.unwrap();
}

/// One is changed meanwhile, one is deleted.
#[test]
fn secrets_are_written_as_they_are_now() {
    let secret = |name: &str, version: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": value},
            "metadata": {"name": name, "namespace": "n", "resourceVersion": version}})
    };
    let status = |code: u16, reason: &str| {
        ResponseTemplate::new(code).set_body_json(
            json!({"kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": "m"}),
        )
    };
    let list = |items: Value, token: &str| {
        ResponseTemplate::new(200)
            .set_body_json(json!({"apiVersion": "v1", "kind": "SecretList", "items": items,
            "metadata": {"continue": token, "remainingItemCount": 1}}))
    };
    let at = |name: &str| path(format!("/api/v1/namespaces/n/secrets/{name}"));
    let (old, now) = (secret("one", "1", "b2xk"), secret("one", "2", "bmV3"));
    let all = || Mock::given(method("GET")).and(path("/api/v1/secrets"));
    let (_runtime, server) = serve([
        all()
            .and(wiremock::matchers::query_param("continue", "more"))
            .respond_with(list(json!([secret("two", "3", "eA==")]), ""))
            .expect(1)
            .with_priority(1),
        all().respond_with(list(json!([old]), "more")).expect(1),
        Mock::given(method("PUT"))
            .and(at("one"))
            .and(wiremock::matchers::body_json(&old))
            .respond_with(status(409, "Conflict"))
            .expect(1),
        Mock::given(method("GET"))
            .and(at("one"))
            .respond_with(ResponseTemplate::new(200).set_body_json(&now)),
        Mock::given(method("PUT"))
            .and(at("one"))
            .and(wiremock::matchers::body_json(&now))
            .respond_with(ResponseTemplate::new(200).set_body_json(&now))
            .expect(1),
        Mock::given(method("PUT")).and(at("two")).respond_with(status(404, "NotFound")).expect(1),
    ]);
    let (done, _) = with_server(&server.uri(), rewrite_secrets);
    assert_eq!(done.unwrap(), 2);
}

//! Bodies of server-sent events (`text/event-stream`), parsed as browsers do.

use serde_json::Value;

/// A complete event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// `message` if the stream does not specify one.
    pub name: String,
    pub data: String,
}

impl Event {
    /// The value at a JSON pointer of the data.
    pub fn pointer(&self, pointer: &str) -> Option<Value> {
        let document: Value = serde_json::from_str(&self.data).ok()?;
        document.pointer(pointer).cloned()
    }
}

/// The complete events of a body.
pub(super) fn events(body: &str) -> Vec<Event> {
    let body = body.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    // After the last line end, there is no line, only the beginning of one.
    let whole = body.rfind('\n').map_or("", |end| &body[..end]);
    for line in whole.split('\n') {
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            if !data.is_empty() {
                let name = if name.is_empty() { "message".to_owned() } else { name };
                events.push(Event { name, data: std::mem::take(&mut data).join("\n") });
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.push(value.to_owned()),
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(body: &str) -> Vec<(String, String)> {
        events(body).into_iter().map(|event| (event.name, event.data)).collect()
    }

    #[test]
    fn events_have_names_and_data_of_several_lines() {
        let body = ": ping\nevent: start\ndata: {\"n\":1}\nid: 7\n\ndata: a\ndata:b\r\n\r\nevent: empty\n\n";
        let want = [("start", "{\"n\":1}"), ("message", "a\nb")];
        assert_eq!(seen(body), want.map(|(name, data)| (name.to_owned(), data.to_owned())));
        assert_eq!(events(body)[0].pointer("/n"), Some(Value::from(1)));
        assert_eq!(events(body)[1].pointer("/n"), None);
    }

    #[test]
    fn an_event_without_its_end_did_not_come() {
        assert_eq!(seen("event: done\ndata: {}\n"), []);
        assert_eq!(seen("event: done\ndata: {}\n\n").len(), 1);
        assert_eq!(seen(""), []);
    }
}

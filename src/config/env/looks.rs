//! What a value looks like: a placeholder, the key of some service, or a weak secret. It is never shown.

/// Common placeholders.
const FILLERS: &str = "changeme change-me change_me replaceme replace-me replace_me todo fixme tbd placeholder secret \
     password none-yet ...";

/// Whether `value` is a placeholder.
pub(super) fn placeholder(value: &str) -> bool {
    let value = value.trim().to_lowercase();
    if FILLERS.split(' ').any(|word| word == value)
        || value.chars().count() > 2 && value.chars().all(|c| c == 'x')
    {
        return true;
    }
    "changeme change-me change_me replace-me replace_me xxxx ...".split(' ').any(|part| value.contains(part))
        || angled(&value)
        || your_something(&value)
}

/// `<your key>`, also within a URL.
fn angled(value: &str) -> bool {
    value.split('<').skip(1).any(|rest| {
        let word = |c: char| c.is_alphanumeric() || "-_ .".contains(c);
        rest.split_once('>').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(word))
    })
}

/// `your-key`, `sk-your_key_here`, `your key here`.
fn your_something(value: &str) -> bool {
    let mut words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    match words.find(|word| *word == "your" || *word == "my") {
        Some("your") => words.next().is_some(),
        Some(_) => words.next_back() == Some("here"),
        None => false,
    }
}

/// Prefixes of keys and tokens of well-known services.
const KEYS: &str =
    "sk- sk_live_ rk_live_ AIza gsk_ ghp_ gho_ ghs_ github_pat_ glpat- xoxb- xoxp- AKIA -----BEGIN";

/// Whether a word of `value` looks like a key or a token, or `value` is a URL with a password.
pub(super) fn secret(value: &str) -> bool {
    let boundary = |c: char| c.is_whitespace() || ",;\"'=&?".contains(c);
    let key = |word: &str| {
        KEYS.split(' ').any(|start| word.len() >= start.len() + 8 && word.starts_with(start))
            || (word.starts_with("eyJ") && word.split('.').count() == 3)
    };
    value.split(boundary).any(key) || value.contains("-----BEGIN") || url_password(value)
}

fn url_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

/// Quotes that word processors and chat programs insert instead of `"` and `'`.
const QUOTES: &str = "“”„‟‘’‚‛«»‹›＂＇";

/// Whether `value` is enclosed in typographic quotes, which do not quote in env files.
pub(super) fn typographic(value: &str) -> bool {
    let mut chars = value.trim().chars();
    let quote = |c: Option<char>| c.is_some_and(|c| QUOTES.contains(c));
    quote(chars.next()) && quote(chars.next_back())
}

/// The first control character other than line ends and tabs.
pub(super) fn control(value: &str) -> Option<char> {
    value.replace("\r\n", "\n").chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The first invisible character, or space that looks like another one. Joiners are parts of words in many languages
/// and of emoji, so they only count next to ASCII.
pub(super) fn invisible(value: &str) -> Option<char> {
    let chars: Vec<char> = value.chars().collect();
    let word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| !c.is_ascii());
    let found = chars.iter().enumerate().find(|(at, c)| match c {
        '\u{200c}' | '\u{200d}' => !word(at.checked_sub(1)) || !word(Some(at + 1)),
        c => {
            "\u{a0}\u{ad}\u{2007}\u{200b}\u{200e}\u{200f}\u{202f}\u{feff}".contains(**c)
                || matches!(**c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}')
        }
    });
    found.map(|(_, c)| *c)
}

/// Whether `value` is too short or has too few different characters.
pub(super) fn weak(value: &str, bytes: usize) -> bool {
    let mut different: Vec<char> = value.chars().collect();
    different.sort_unstable();
    different.dedup();
    value.chars().count() < bytes || different.len() < 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_values() {
        for text in [
            "changeme",
            "CHANGE_ME",
            "xxx",
            "XXXXXXXX",
            "<your-key>",
            "store://u:<password>@h/d",
            "your-api-key-here",
            "sk-your_key",
            "sk-...",
            "todo",
            "my-key-here",
            "sk-xxxxxxxx",
            "secret",
        ] {
            assert!(placeholder(text), "{text}");
        }
        for text in ["sk-proj-8fK2", "a<b", "x", "yourself", "todolist", "my-key", "https://h/a?b=<>", ""] {
            assert!(!placeholder(text), "{text}");
        }
    }

    #[test]
    fn keys_are_told_from_other_words() {
        for text in ["sk-abcdefgh12", "a=AIzaSyA12345678", "eyJh.eyJz.sig", "http://u:p@h/", "x gsk_12345678"]
        {
            assert!(secret(text), "{text}");
        }
        for text in ["sk-", "http://h:80/a@b:c", "http://u@h/", "task-management", "risk-free-trial"] {
            assert!(!secret(text), "{text}");
        }
    }

    #[test]
    fn short_and_dull_secrets_are_weak() {
        assert!(weak("short", 16) && weak(&"ab".repeat(20), 16));
        assert!(!weak("0123456789abcdef", 16));
    }
}

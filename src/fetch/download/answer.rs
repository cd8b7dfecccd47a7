//! Judges a response by its head alone, before anything is written.

use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Response, StatusCode, Url};

use super::super::FetchError;
use super::retry::{ASKED, Halt, asked, is_passing};
use super::validator::Validator;
use super::{LIMIT, Wanted, shown};

#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) from: u64,
    /// One past the last one; `None` is to the end.
    pub(super) to: Option<u64>,
    /// Whether they were asked for by a range at all.
    pub(super) ranged: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The file from its first byte on.
    Whole(Validator),
    /// The requested part, up to here.
    Part { to: u64, validator: Validator },
    /// There is nothing after what was asked for.
    Nothing { total: u64 },
}

pub(super) struct Judge<'a> {
    /// Who answered: the end of all redirects.
    pub(super) at: &'a Url,
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) known: &'a Validator,
    pub(super) now: jiff::Timestamp,
}

impl Judge<'_> {
    pub(super) fn judge(&self, asked: Asked, response: &Response) -> Result<Answer, Halt> {
        let headers = response.headers();
        match response.status() {
            StatusCode::OK => {
                self.is_file(headers)?;
                Ok(self.whole(headers)?)
            }
            StatusCode::PARTIAL_CONTENT => {
                self.is_file(headers)?;
                self.part(asked, headers)
            }
            StatusCode::RANGE_NOT_SATISFIABLE if asked.ranged => self.beyond(asked, headers),
            status => Err(self.failure(status, headers)),
        }
    }

    fn failure(&self, status: StatusCode, headers: &HeaderMap) -> Halt {
        let url = shown(self.at.as_str());
        if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
            return FetchError::login_page(&url).into();
        }
        if is_passing(status) {
            let after = self::asked(headers, self.now);
            if let Some(after) = after.filter(|after| *after > ASKED) {
                return FetchError::Busy { url, status, after }.into();
            }
            return Halt::Again { error: FetchError::Unwell { url, status, tries: 1 }, after };
        }
        FetchError::Answered { url, status }.into()
    }

    /// Refuses what is not sent as the bytes of a file.
    fn is_file(&self, headers: &HeaderMap) -> Result<(), FetchError> {
        let url = shown(self.at.as_str());
        let encodings = headers.get_all(CONTENT_ENCODING).iter();
        let encoding = encodings.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if let Some(encoding) =
            encoding.into_iter().find(|name| !name.trim().eq_ignore_ascii_case("identity"))
        {
            let what = format!("{url} is sent as \"{encoding}\", which was not requested");
            return Err(FetchError::altered(what));
        }
        if is_page(headers) {
            return Err(FetchError::login_page(&url));
        }
        Ok(())
    }

    fn whole(&self, headers: &HeaderMap) -> Result<Answer, FetchError> {
        let length = text(headers, CONTENT_LENGTH).and_then(|text| text.parse().ok());
        self.fits(length)?;
        Ok(Answer::Whole(Validator::of(headers, self.wanted.size.or(length))))
    }

    /// Holds an announced length of the whole file against what is pinned.
    fn fits(&self, announced: Option<u64>) -> Result<(), FetchError> {
        let (url, Some(announced)) = (shown(self.at.as_str()), announced) else { return Ok(()) };
        match self.wanted.size {
            Some(expected) if expected != announced => {
                Err(FetchError::Announced { url, expected, announced })
            }
            None if announced > LIMIT => Err(FetchError::too_large(&url, LIMIT)),
            _ => Ok(()),
        }
    }

    fn part(&self, asked: Asked, headers: &HeaderMap) -> Result<Answer, Halt> {
        let said = text(headers, CONTENT_RANGE).unwrap_or("no Content-Range");
        let bad = || self.bad_range(asked, said);
        if !asked.ranged {
            return Err(bad());
        }
        let Some((from, last, total)) = parse(said) else { return Err(bad()) };
        let to = last.saturating_add(1);
        let inside = from == asked.from && last >= from && asked.to.is_none_or(|end| to <= end);
        let length = text(headers, CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
        if !inside || length.is_some_and(|length| length != to - from) {
            return Err(bad());
        }
        let Some(total) = total.or(self.wanted.size).filter(|total| to <= *total) else { return Err(bad()) };
        self.fits(Some(total))?;
        let validator = Validator::of(headers, Some(total));
        if let Some(what) = self.known.difference(&validator) {
            let error = FetchError::changed(&shown(self.at.as_str()), &what);
            return Err(Halt::Restart { error, ranges: true });
        }
        Ok(Answer::Part { to, validator })
    }

    /// The server has no bytes there: the file is already complete, or a different one.
    fn beyond(&self, asked: Asked, headers: &HeaderMap) -> Result<Answer, Halt> {
        let said = text(headers, CONTENT_RANGE).unwrap_or("no more");
        let total = said.strip_prefix("bytes */").and_then(|total| total.parse().ok());
        if asked.from > 0
            && total == Some(asked.from)
            && self.wanted.size.is_none_or(|size| total == Some(size))
        {
            return Ok(Answer::Nothing { total: asked.from });
        }
        Err(self.bad_range(asked, said))
    }

    /// Whoever answers wrongly is asked for the file in one piece; only a second time is an end.
    fn bad_range(&self, asked: Asked, said: &str) -> Halt {
        let (url, from) = (shown(self.at.as_str()), asked.from);
        let what = format!("{url} returned \"{said}\" to a request for the bytes from {from} on");
        let error = FetchError::altered(what);
        if asked.ranged { Halt::Restart { error, ranges: false } } else { error.into() }
    }
}

pub(super) fn is_page(headers: &HeaderMap) -> bool {
    let kind = text(headers, CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    kind.starts_with("text/html") || kind.starts_with("application/xhtml")
}

/// `bytes 0-9/10`: the first, the last and, if given, the total.
fn parse(range: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = range.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (from, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((from.parse().ok()?, last.parse().ok()?, total))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

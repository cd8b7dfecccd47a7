//! What has arrived on disk: the bytes, and notes about which bytes they are.

use std::fs::File;
use std::io::{Read as _, Write as _};

use serde::{Deserialize, Serialize};

use super::super::FetchError;
use super::Wanted;
use super::files::{self, Names};
use super::ranges::Ranges;
use super::validator::Validator;

/// The notes may be so many bytes behind, which is what a killed process loses, besides what was in transit.
const BEHIND: u64 = 2 << 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    /// The pinned hash of the whole file.
    sha256: String,
    /// Where the bytes came from, without user name and password.
    url: String,
    validator: Validator,
    /// The bytes arrived in order: the whole file is valid, whatever `there` says.
    in_order: bool,
    there: Ranges,
}

#[derive(Debug)]
pub(super) struct Partial {
    names: Names,
    file: Option<File>,
    notes: Notes,
    unsaved: u64,
}

impl Partial {
    /// Opens what an earlier run left of the wanted file; the bytes of another file are ignored.
    pub(super) fn open(names: &Names, wanted: &Wanted<'_>) -> Result<Self, FetchError> {
        let notes = Notes {
            sha256: wanted.sha256.to_owned(),
            url: wanted.shown(),
            validator: Validator::default(),
            in_order: true,
            there: Ranges::default(),
        };
        let mut partial = Self { names: names.clone(), file: None, notes, unsaved: 0 };
        let notes = files::open_existing(&names.notes)?;
        let Some(file) = files::open_existing(&names.partial)? else { return Ok(partial) };
        let notes = match notes {
            Some(notes) => read_notes(notes, names)?,
            // Without notes, it is a file of an earlier version: in order. The hash decides.
            None => Some(partial.notes.clone()),
        };
        if let Some(notes) = notes.filter(|notes| notes.sha256 == wanted.sha256) {
            partial.take_up(file, notes, wanted.size)?;
        }
        Ok(partial)
    }

    fn take_up(&mut self, file: File, mut notes: Notes, size: Option<u64>) -> Result<(), FetchError> {
        let look = |error: std::io::Error| files::failed("look at", &self.names.partial, &error);
        let len = file.metadata().map_err(look)?.len();
        if notes.in_order {
            notes.there = Ranges::up_to(len);
        }
        let most = size.or(notes.validator.total).unwrap_or(u64::MAX);
        if notes.there.end() > len.min(most) {
            return Ok(());
        }
        // Another server has other validators; the bytes may still be valid.
        if notes.url != self.notes.url {
            (notes.validator, notes.url) = (Validator::default(), self.notes.url.clone());
        }
        (self.file, self.notes) = (Some(file), notes);
        Ok(())
    }

    pub(super) fn there(&self) -> &Ranges {
        &self.notes.there
    }

    pub(super) fn validator(&self) -> &Validator {
        &self.notes.validator
    }

    /// Notes the validator of the bytes; without `keep`, starts with an empty file.
    pub(super) fn begin(&mut self, validator: Validator, keep: bool) -> Result<(), FetchError> {
        if !keep || self.file.is_none() {
            // The notes of an older file must not be taken for those of the new one.
            files::remove(&self.names.notes)?;
            let path = &self.names.partial;
            let file = files::open(path)?;
            file.set_len(0).map_err(|error| files::failed("empty", path, &error))?;
            self.file = Some(file);
            (self.notes.in_order, self.notes.there) = (true, Ranges::default());
        }
        self.notes.validator = validator;
        self.save()
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), FetchError> {
        if self.notes.in_order && at != self.notes.there.prefix() {
            self.notes.in_order = false;
            self.save()?;
        }
        let path = &self.names.partial;
        files::write_at(self.file()?, bytes, at).map_err(|error| files::failed("write", path, &error))?;
        self.notes.there.insert(at..at + bytes.len() as u64);
        self.unsaved += bytes.len() as u64;
        if self.unsaved >= BEHIND && !self.notes.in_order { self.save() } else { Ok(()) }
    }

    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<usize, FetchError> {
        let path = &self.names.partial;
        files::read_at(self.file()?, buffer, at).map_err(|error| files::failed("read", path, &error))
    }

    pub(super) fn file(&self) -> Result<&File, FetchError> {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        self.file.as_ref().ok_or_else(|| files::failed("open", &self.names.partial, &missing()))
    }

    /// Writes the notes completely or not at all. They need not survive a power cut: the hash decides.
    pub(super) fn save(&mut self) -> Result<(), FetchError> {
        self.unsaved = 0;
        if self.file.is_none() {
            return Ok(());
        }
        let text = serde_json::to_vec(&self.notes).unwrap_or_default();
        let new = &self.names.new_notes;
        let mut file = files::open(new)?;
        file.set_len(0)
            .and_then(|()| file.write_all(&text))
            .and_then(|()| std::fs::rename(new, &self.names.notes))
            .map_err(|error| files::failed("write", &self.names.notes, &error))
    }
}

fn read_notes(file: File, names: &Names) -> Result<Option<Notes>, FetchError> {
    let mut text = Vec::new();
    // A file of 1 GiB in pieces that do not touch has a map of a few kilobytes.
    let read = file.take(1 << 20).read_to_end(&mut text);
    read.map_err(|error| files::failed("read", &names.notes, &error))?;
    Ok(serde_json::from_slice(&text).ok())
}

pub(super) fn discard(names: &Names) -> Result<(), FetchError> {
    for path in [&names.notes, &names.new_notes, &names.partial] {
        files::remove(path)?;
    }
    Ok(())
}

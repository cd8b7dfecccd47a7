//! The thread that writes and hashes what arrives, so that no connection waits for either. Bytes that arrive in
//! order are hashed directly; others are read back later, usually from the page cache.

use std::thread::JoinHandle;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{self, Receiver, Sender, error::TryRecvError};

use super::super::FetchError;
use super::partial::Partial;
use super::validator::Validator;
use crate::error::Error;
use crate::files::hex;

/// So many pieces of a few hundred kilobytes at most may wait for the disk.
const WAITING: usize = 16;
/// What is read back at once: it stays within the processor's cache.
const BLOCK: usize = 256 << 10;

#[derive(Debug)]
pub(super) enum Order {
    /// The following bytes belong to this version; without `keep`, the file starts over.
    Begin {
        validator: Validator,
        keep: bool,
    },
    Write {
        at: u64,
        bytes: Bytes,
    },
    /// Everything has arrived: hash the rest.
    End,
}

pub(super) struct Held {
    pub(super) partial: Partial,
    pub(super) len: u64,
    /// Of the whole file, if it is complete.
    pub(super) sha256: Option<String>,
}

pub(super) type Disk = JoinHandle<Result<Held, FetchError>>;

pub(super) fn start(partial: Partial) -> Result<(Disk, Sender<Order>), FetchError> {
    let (sender, orders) = mpsc::channel(WAITING);
    let writer = Writer { partial, hasher: Sha256::new(), hashed: 0, block: Vec::new() };
    let thread = std::thread::Builder::new().name("fetch-disk".to_owned());
    let thread = thread.spawn(move || writer.work(orders));
    Ok((thread.map_err(|error| Error::failed("cannot start a thread").because(error))?, sender))
}

/// Waits until all that was sent is written; every sender must be gone.
pub(super) fn end(disk: Disk) -> Result<Held, FetchError> {
    let panicked = |_| FetchError::Local(Error::failed("the thread that writes a download panicked"));
    disk.join().map_err(panicked)?
}

struct Writer {
    partial: Partial,
    hasher: Sha256,
    hashed: u64,
    block: Vec<u8>,
}

impl Writer {
    fn work(mut self, mut orders: Receiver<Order>) -> Result<Held, FetchError> {
        let whole = self.serve(&mut orders)?;
        let len = self.partial.there().total();
        if !whole {
            self.partial.save()?;
            return Ok(Held { partial: self.partial, len, sha256: None });
        }
        if self.partial.file().is_err() {
            // An empty file: nothing was to be fetched.
            self.partial.begin(Validator::default(), false)?;
        }
        while self.catch_up()? {}
        let sha256 = Some(hex(&self.hasher.finalize()));
        Ok(Held { partial: self.partial, len, sha256 })
    }

    /// Processes orders until the file is complete (true) or all senders are gone.
    fn serve(&mut self, orders: &mut Receiver<Order>) -> Result<bool, FetchError> {
        loop {
            // Only what has nothing else to do waits.
            let order = match orders.try_recv() {
                Ok(order) => Some(order),
                Err(TryRecvError::Disconnected) => None,
                Err(TryRecvError::Empty) if self.catch_up()? => continue,
                Err(TryRecvError::Empty) => orders.blocking_recv(),
            };
            match order {
                None => return Ok(false),
                Some(Order::End) => return Ok(true),
                Some(Order::Begin { validator, keep }) => {
                    if !keep {
                        (self.hasher, self.hashed) = (Sha256::new(), 0);
                    }
                    self.partial.begin(validator, keep)?;
                }
                Some(Order::Write { at, bytes }) => {
                    self.partial.write(at, &bytes)?;
                    if at == self.hashed {
                        self.hasher.update(&bytes);
                        self.hashed += bytes.len() as u64;
                    }
                }
            }
        }
    }

    /// Hashes one block that is not hashed yet; false if there is none.
    fn catch_up(&mut self) -> Result<bool, FetchError> {
        let behind = self.partial.there().prefix().saturating_sub(self.hashed);
        if behind == 0 {
            return Ok(false);
        }
        self.block.resize(BLOCK, 0);
        let want = usize::try_from(behind).unwrap_or(BLOCK).min(BLOCK);
        let count = self.partial.read(self.hashed, &mut self.block[..want])?;
        if count == 0 {
            return Err(Error::failed("a file that is downloaded became shorter meanwhile").into());
        }
        self.hasher.update(&self.block[..count]);
        self.hashed += count as u64;
        Ok(true)
    }
}

//! The bytes of an image on this machine: in memory, or a part of a file.

use std::fs::File;
use std::io::{Read, Result, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::Stream;
use futures::stream::try_unfold;

/// What is read and sent at once.
const BLOCK: u64 = 256 << 10;

#[derive(Debug, Clone)]
pub(super) struct Blob {
    /// `sha256:…`.
    pub(super) digest: String,
    /// Bytes.
    pub(super) size: u64,
    pub(super) from: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    Memory(Bytes),
    File { path: PathBuf, offset: u64 },
}

impl Blob {
    pub(super) fn read(&self) -> Result<Box<dyn Read + Send>> {
        match &self.from {
            Place::Memory(bytes) => Ok(Box::new(std::io::Cursor::new(bytes.clone()))),
            Place::File { path, offset } => {
                // Not shared: each reader has a place of its own in the file.
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(*offset))?;
                Ok(Box::new(file.take(self.size)))
            }
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        match &self.from {
            Place::Memory(_) => PathBuf::from(&self.digest),
            Place::File { path, .. } => path.clone(),
        }
    }
}

/// All that `from` gives, in blocks, which `moved` counts (bytes) as they are taken.
pub(super) fn stream(
    from: Box<dyn Read + Send>,
    moved: Arc<AtomicU64>,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    try_unfold((from, moved), |(mut from, moved)| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut block = Vec::new();
            from.by_ref().take(BLOCK).read_to_end(&mut block)?;
            Ok::<_, std::io::Error>((block, from))
        });
        let (block, from) = read.await.map_err(std::io::Error::other)??;
        moved.fetch_add(block.len() as u64, Ordering::Relaxed);
        Ok((!block.is_empty()).then(|| (Bytes::from(block), (from, moved))))
    })
}

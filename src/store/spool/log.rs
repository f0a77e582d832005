//! The operations of a plan, appended as `length, checksum, JSON`. In memory there is one offset for
//! each.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Error, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use super::durable;
use crate::model::Operation;

const HEAD_BYTES: u64 = 8;
/// Operations are gathered up to this before they are written.
const BUFFER_BYTES: usize = 256 << 10;

pub(super) struct Log {
    file: Arc<File>,
    /// Where each operation starts; built from the file when it was found there.
    offsets: Option<Vec<u64>>,
    /// Bytes in the file.
    written: u64,
    /// What comes after them.
    buffer: Vec<u8>,
}

/// Where an operation lies.
pub(super) struct Place {
    file: Arc<File>,
    index: u32,
    start: u64,
    length: usize,
}

impl Log {
    /// Opens what is there; nothing is read yet.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = durable::private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self {
            written: file.metadata()?.len(),
            file: Arc::new(file),
            offsets: None,
            buffer: Vec::new(),
        })
    }

    pub(super) fn cleared(mut self) -> io::Result<Self> {
        self.clear()?;
        Ok(self)
    }

    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.buffer = Vec::new();
        self.offsets = Some(Vec::new());
        self.written = 0;
        self.file.set_len(0)
    }

    /// Appends all of them and returns the index of the first one; on an error none is appended.
    pub(super) fn push(&mut self, operations: &[Operation]) -> io::Result<u32> {
        let (first, end) = (self.count()?, self.end());
        let appended = self.append(operations);
        if appended.is_err() {
            self.offsets()?.truncate(first as usize);
            self.cut(end);
        }
        appended.map(|()| first)
    }

    fn append(&mut self, operations: &[Operation]) -> io::Result<()> {
        for operation in operations {
            if self.buffer.len() >= BUFFER_BYTES {
                self.write_out()?;
            }
            let start = self.end();
            append(&mut self.buffer, operation)?;
            self.offsets()?.push(start);
        }
        self.count().map(|_| ())
    }

    fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Forgets what lies behind `end`, in the file or in the buffer.
    fn cut(&mut self, end: u64) {
        let buffered = end.saturating_sub(self.written);
        self.written = self.written.min(end);
        self.buffer.truncate(usize::try_from(buffered).unwrap_or(usize::MAX));
    }

    pub(super) fn count(&mut self) -> io::Result<u32> {
        u32::try_from(self.offsets()?.len()).map_err(|_| Error::new(ErrorKind::FileTooLarge, "too many operations"))
    }

    pub(super) fn locate(&mut self, index: u32) -> io::Result<Place> {
        let end = self.end();
        let at = index as usize;
        let offsets = self.offsets()?;
        let Some(start) = offsets.get(at).copied() else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no operation {index}"),
            ));
        };
        let end = offsets.get(at + 1).copied().unwrap_or(end);
        if end > self.written {
            self.write_out()?;
        }
        let length = usize::try_from(end - start).map_err(|_| broken(index))?;
        Ok(Place {
            file: Arc::clone(&self.file),
            index,
            start,
            length,
        })
    }

    pub(super) fn read(&mut self, index: u32) -> io::Result<Operation> {
        self.locate(index)?.read()
    }

    /// Makes everything pushed so far survive a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.buffer = Vec::new();
        self.file.set_len(self.written)?;
        self.file.sync_all()
    }

    fn write_out(&mut self) -> io::Result<()> {
        // At a fixed place, so that a second try after a full disk repeats it and tears nothing.
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn offsets(&mut self) -> io::Result<&mut Vec<u64>> {
        let offsets = match self.offsets.take() {
            Some(offsets) => offsets,
            None => scan(&self.file, self.written)?,
        };
        Ok(self.offsets.insert(offsets))
    }
}

impl Place {
    pub(super) fn read(&self) -> io::Result<Operation> {
        let mut bytes = vec![0; self.length];
        self.file.read_exact_at(&mut bytes, self.start)?;
        let Some((head, payload)) = bytes.split_at_checked(HEAD_BYTES as usize) else {
            return Err(broken(self.index));
        };
        if head != self::head(payload)? {
            return Err(broken(self.index));
        }
        serde_json::from_slice(payload).map_err(|_| broken(self.index))
    }
}

fn append(buffer: &mut Vec<u8>, operation: &Operation) -> io::Result<()> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEAD_BYTES as usize]);
    serde_json::to_writer(&mut *buffer, operation)?;
    let (before, payload) = buffer.split_at_mut(start + HEAD_BYTES as usize);
    before[start..].copy_from_slice(&head(payload)?);
    Ok(())
}

/// Length and checksum.
fn head(payload: &[u8]) -> io::Result<[u8; HEAD_BYTES as usize]> {
    let length = u32::try_from(payload.len()).map_err(|_| Error::new(ErrorKind::FileTooLarge, "too large"))?;
    let mut head = [0; HEAD_BYTES as usize];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&blake3::hash(payload).as_bytes()[..4]);
    Ok(head)
}

/// Where each operation starts, from the lengths alone; contents are checked when they are read.
fn scan(file: &File, end: u64) -> io::Result<Vec<u64>> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, At { file, position: 0 });
    let mut offsets = Vec::new();
    let mut start = 0;
    while start < end {
        let mut head = [0; HEAD_BYTES as usize];
        io::Read::read_exact(&mut reader, &mut head)?;
        let length = u64::from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
        offsets.push(start);
        start += HEAD_BYTES + length;
        if start > end {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                "the list of operations is cut off",
            ));
        }
        skip(&mut reader, length)?;
    }
    Ok(offsets)
}

/// Reads a file from a place of its own: the file's position is shared.
struct At<'file> {
    file: &'file File,
    position: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

fn skip(reader: &mut impl BufRead, mut length: u64) -> io::Result<()> {
    while length > 0 {
        let ready = reader.fill_buf()?.len();
        if ready == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let step = ready.min(usize::try_from(length).unwrap_or(usize::MAX));
        reader.consume(step);
        length -= step as u64;
    }
    Ok(())
}

fn broken(index: u32) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("operation {index} is not as it was written"),
    )
}

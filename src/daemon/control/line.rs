//! Lines of bounded length.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// The other side sends more than we care to keep.
    #[error("a line of more than {0} bytes")]
    TooLong(usize),
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] std::io::Error),
}

/// The next line without its end; `None` when the other side has closed. A line that was cut off by
/// the end of the stream does not count.
pub(super) async fn read_line<R>(reader: &mut R, length_max: usize) -> Result<Option<Vec<u8>>, LineError>
where
    R: AsyncBufRead + Unpin,
{
    let mut line = Vec::new();
    let limit = u64::try_from(length_max).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_until(b'\n', &mut line).await?;
    match line.last() {
        Some(b'\n') => {
            line.pop();
            Ok(Some(line))
        }
        Some(_) if line.len() > length_max => Err(LineError::TooLong(length_max)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines() {
        let mut input: &[u8] = b"{}\n\n1234\ncut";
        assert_eq!(read_line(&mut input, 4).await.unwrap(), Some(b"{}".to_vec()));
        assert_eq!(read_line(&mut input, 4).await.unwrap(), Some(Vec::new()));
        assert_eq!(read_line(&mut input, 4).await.unwrap(), Some(b"1234".to_vec()));
        assert_eq!(read_line(&mut input, 4).await.unwrap(), None);
        let mut input: &[u8] = b"12345\n";
        assert!(matches!(read_line(&mut input, 4).await, Err(LineError::TooLong(4))));
    }
}

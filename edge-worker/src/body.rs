//! Reads the body of a message piece by piece, up to a maximum size.

use futures_util::StreamExt;
use worker::{ByteStream, Headers};

/// The reason why a body was not read to its end.
#[derive(Debug)]
pub enum BodyError {
    /// The body is larger than the maximum size. The rest of the body was not read.
    TooLarge,
    /// The connection or the sender failed.
    Broken(worker::Error),
}

/// Reads a body of at most `most` bytes. A body of unknown length is not read further than its first piece above the
/// maximum size, so that a sender cannot fill the memory.
pub async fn read(
    headers: &Headers,
    stream: worker::Result<ByteStream>,
    most: usize,
) -> Result<Vec<u8>, BodyError> {
    let announced =
        headers.get("Content-Length").ok().flatten().and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(BodyError::TooLarge);
    }
    let mut stream = stream.map_err(BodyError::Broken)?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(BodyError::Broken)?;
        if bytes.len() + piece.len() > most {
            return Err(BodyError::TooLarge);
        }
        bytes.extend(piece);
    }
    Ok(bytes)
}

//! What [`faults`](crate) is in the product: nothing.

use std::io;

#[inline(always)]
pub(crate) fn step(_call: &'static str) -> io::Result<()> {
    Ok(())
}

#[inline(always)]
pub(crate) fn write(bytes: &[u8]) -> io::Result<&[u8]> {
    Ok(bytes)
}

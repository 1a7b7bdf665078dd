//! Image headers.
#![no_main]

use dataset::parts::image_size;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let size = image_size(bytes);
    assert_eq!(size, image_size(bytes));
    // More bytes behind the header change nothing.
    if let Ok(size) = size {
        let longer = [bytes, &[0; 64]].concat();
        assert_eq!(image_size(&longer), Ok(size));
    }
});

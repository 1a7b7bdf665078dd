//! Pascal VOC annotations, entity bombs included.
#![no_main]

use dataset::parts::annotation;
use dataset::size::Size;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let real = Size {
        width: 64,
        height: 64,
    };
    for size in [None, Some(real)] {
        let judged = annotation(bytes, size);
        assert_eq!(judged, annotation(bytes, size));
        // What is said about a document is not much longer than the document.
        let said: usize = judged.iter().map(|(_, what)| what.len()).sum();
        assert!(
            said <= 400 + 64 * bytes.len(),
            "{said} bytes about {}",
            bytes.len()
        );
        assert!(judged.iter().all(|(_, what)| !what.is_empty()));
    }
});

//! Tables: encoding, quoting, header, inference, counting of values.
#![no_main]

use dataset::parts::table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = table(bytes);
    assert_eq!(read, table(bytes));
    let Ok(read) = read else {
        return;
    };
    assert_eq!(
        read.columns.len(),
        read.schema.columns.len() + read.schema.reserved.len()
    );
    for column in &read.schema.columns {
        assert!(column.parsed().is_some(), "{column:?}");
    }
    // A row ends at a line end or at the end of the text, whatever is quoted.
    let ends = bytes
        .iter()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .count() as u64;
    assert!(read.rows <= ends + 1);
    assert!(read.long_rows <= read.rows);
    let counts = &read.first_column;
    let counted: u64 = counts.classes.iter().map(|(_, count)| count).sum();
    assert!(counted <= read.rows);
    assert!(counts.classes.is_sorted_by(|a, b| a.1 >= b.1));
    if read.columns.is_empty() {
        return;
    }
    // Line ends of another system mean the same table where nothing is quoted.
    if !bytes.contains(&b'"') && !bytes.contains(&b'\r') {
        let windows = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        if windows.len() as u64 == bytes.len() as u64 + ends {
            assert_eq!(table(windows.as_bytes()), Ok(read));
        }
    }
});

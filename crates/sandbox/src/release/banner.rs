//! The summary that ends a run's log.

/// What a run has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) total: u64,
    pub(super) processed: u64,
    pub(super) inserted: u64,
    pub(super) sent: u64,
    pub(super) skipped: u64,
    pub(super) file_failures: u64,
    pub(super) failed: u64,
}

/// Builds the lines, colours included.
pub(super) fn lines(id: &str, table: &str, counts: &Counts) -> Vec<String> {
    let (rule, thin) = ("\u{2550}".repeat(60), "\u{2500}".repeat(60));
    let line = |label: &str, spaces: usize, value: &str| {
        format!(
            "\u{1b}[1m{label}\u{1b}[0m{}\u{1b}[96m{value}\u{1b}[0m",
            " ".repeat(spaces)
        )
    };
    let field = |label: &str, spaces: usize, value: u64| line(label, spaces, &commas(value));
    let unsent = counts.inserted.saturating_sub(counts.sent);
    let mut lines = vec![
        String::new(),
        rule.clone(),
        "\u{1f4ca} INGESTION SUMMARY \u{1f4ca}".to_owned(),
        rule.clone(),
        line("Ingestor ID:", 16, id),
        line("Destination table:", 10, table),
        field("\u{1f4c8} Total Records Found:", 5, counts.total),
        field("\u{2705} Successfully Processed:", 2, counts.processed),
        field("\u{1f4be} Inserted to Database:", 4, counts.inserted),
        field("\u{1f680} Sent to API:", 13, counts.sent),
        field("\u{23ed}\u{fe0f}  Skipped Records:", 8, counts.skipped),
        field("\u{1f4c1} File Transfer Failures:", 2, counts.file_failures),
        field("\u{274c} Failed DB Insertion:", 5, counts.failed),
        field("\u{274c} Failed to Send to API:", 3, unsent),
        thin.clone(),
    ];
    // Tenths of a percent, so that nothing is rounded up to a success.
    if let Some(tenths) = counts
        .inserted
        .saturating_mul(1000)
        .checked_div(counts.total)
    {
        let cells = usize::try_from(tenths.min(1000) * 30 / 1000).unwrap_or(30);
        let bar = format!(
            "{}{}",
            "\u{2588}".repeat(cells),
            "\u{2591}".repeat(30 - cells)
        );
        lines.push(format!(
            "\u{1f4ca} Success Rate: [{bar}] {}.{}%",
            tenths / 10,
            tenths % 10
        ));
        lines.push(thin);
    }
    let failures = counts.failed + counts.file_failures;
    lines.push(if failures == 0 && counts.inserted >= counts.total {
        "\u{1f389} All records were ingested.".to_owned()
    } else {
        format!("\u{26a0}\u{fe0f}  Ingestion completed with {failures} failure(s), see logs.")
    });
    lines.push(rule);
    lines
}

fn commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_is_the_reference_s_sample() {
        // The sample of the format's description, colours removed.
        let counts = Counts {
            total: 1250,
            processed: 1250,
            inserted: 1248,
            sent: 1248,
            file_failures: 2,
            ..Counts::default()
        };
        let id = "0b7f3a52-9f0e-4a41-8d57-2f1a3c9e6b10";
        let text: Vec<String> = lines(id, "pets", &counts)
            .iter()
            .map(|line| {
                ["\u{1b}[1m", "\u{1b}[0m", "\u{1b}[96m"]
                    .iter()
                    .fold(line.clone(), |line, code| line.replace(code, ""))
            })
            .collect();
        let sample = "
════════════════════════════════════════════════════════════
📊 INGESTION SUMMARY 📊
════════════════════════════════════════════════════════════
Ingestor ID:                0b7f3a52-9f0e-4a41-8d57-2f1a3c9e6b10
Destination table:          pets
📈 Total Records Found:     1,250
✅ Successfully Processed:  1,250
💾 Inserted to Database:    1,248
🚀 Sent to API:             1,248
⏭️  Skipped Records:        0
📁 File Transfer Failures:  2
❌ Failed DB Insertion:     0
❌ Failed to Send to API:   0
────────────────────────────────────────────────────────────
📊 Success Rate: [█████████████████████████████░] 99.8%
────────────────────────────────────────────────────────────
⚠️  Ingestion completed with 2 failure(s), see logs.
════════════════════════════════════════════════════════════";
        assert_eq!(text.join("\n"), sample);
        assert_eq!(commas(1_234_567), "1,234,567");
        assert_eq!(commas(100), "100");
    }
}

use vidimus::lint::Finding;

/// Asserts that a refused file has findings, each with a place inside the file and a text.
pub fn assert_findings(findings: &[Finding], bytes: usize) {
    assert!(!findings.is_empty());
    for finding in findings {
        let (line, column) = finding.place.line_and_column();
        assert!(line >= 1 && column >= 1 && finding.place.span.end <= bytes);
        assert!(!finding.to_string().is_empty());
    }
}

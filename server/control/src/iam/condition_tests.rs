use super::*;

fn holds(operator: &str, values: &[&str], actual: Option<&[&str]>) -> bool {
    let mut context = Context::new();
    context.set("aws:username", "alice");
    context.set("aws:yes", "true");
    if let Some(actual) = actual {
        context.set_list("Test:Key", actual.iter().map(|value| (*value).to_owned()));
    }
    Condition::parse(operator, "test:KEY", values.iter().copied(), true)
        .unwrap()
        .holds(&context)
}

#[test]
fn each_operator_compares_as_documented() {
    for (operator, value, actual, expected) in [
        ("StringEquals", "a", "a", true),
        ("StringEquals", "a", "A", false),
        ("StringEquals", "*", "a", false),
        ("StringEquals", "${aws:username}", "alice", true),
        ("StringNotEquals", "a", "a", false),
        ("StringNotEquals", "a", "b", true),
        ("StringEqualsIgnoreCase", "aÉ", "Aé", true),
        ("StringEqualsIgnoreCase", "${aws:username}", "ALICE", true),
        ("StringNotEqualsIgnoreCase", "a", "A", false),
        ("StringLike", "a*c?", "abbcd", true),
        ("StringLike", "A*", "abb", false),
        ("StringLike", "${aws:username}/*", "alice/x", true),
        ("StringNotLike", "a*", "abc", false),
        ("StringNotLike", "a*", "bc", true),
        ("ArnEquals", "arn:aws:sns:*:1:x", "arn:aws:sns:r:1:x", true),
        ("ArnLike", "arn:aws:sns:r:1:x*", "arn:aws:sns:r:1:xyz", true),
        ("ArnLike", "arn:aws:sns:*", "arn:aws:sns:r:1:x", false),
        (
            "ArnLike",
            "arn:aws:iam::1:user/${aws:username}",
            "arn:aws:iam::1:user/alice",
            true,
        ),
        (
            "ArnNotEquals",
            "arn:aws:sns:*:1:x",
            "arn:aws:sns:r:1:x",
            false,
        ),
        ("ArnNotLike", "arn:aws:sns:*:2:x", "arn:aws:sns:r:1:x", true),
        ("NumericEquals", "10", "10.0", true),
        ("NumericEquals", "10", "ten", false),
        ("NumericNotEquals", "10", "11", true),
        ("NumericLessThan", "10", "9", true),
        ("NumericLessThan", "10", "10", false),
        ("NumericLessThanEquals", "10", "10", true),
        ("NumericGreaterThan", "-1", "0", true),
        ("NumericGreaterThanEquals", "10", "9.99", false),
        ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", true),
        ("DateNotEquals", "2026-01-01T00:00:00Z", "1767225600", false),
        ("DateLessThan", "2026-01-01", "2025-12-31T23:59:59Z", true),
        (
            "DateLessThanEquals",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            true,
        ),
        (
            "DateGreaterThan",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            false,
        ),
        (
            "DateGreaterThanEquals",
            "2026",
            "2026-01-01T00:00:00Z",
            true,
        ),
        ("Bool", "true", "TRUE", true),
        ("Bool", "false", "true", false),
        ("Bool", "${aws:yes}", "true", true),
        ("Bool", "false", "maybe", false),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true),
        ("BinaryEquals", "QmluYXJ5", "qmluYXJ5", false),
        ("IpAddress", "203.0.113.0/24", "203.0.113.7", true),
        ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.7", true),
        ("IpAddress", "203.0.113.9", "203.0.113.7", false),
        (
            "IpAddress",
            "2001:DB8:1234:5678::/64",
            "2001:db8:1234:5678::1",
            true,
        ),
        ("IpAddress", "0.0.0.0/0", "nowhere", false),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", false),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", true),
    ] {
        assert_eq!(
            holds(operator, &[value], Some(&[actual])),
            expected,
            "{operator} {value} {actual}"
        );
    }
}

#[test]
fn a_missing_key_fails_a_comparison_and_satisfies_its_negation() {
    for (operator, _, negated) in OPERATORS.iter().filter(|(name, _, _)| *name != "Null") {
        let value = match *operator {
            name if name.contains("Ip") => "0.0.0.0/0",
            name if name.contains("Date") => "2026",
            name if name.contains("Numeric") => "1",
            "Bool" => "false",
            _ => "x",
        };
        assert_eq!(holds(operator, &[value], None), *negated, "{operator}");
        assert!(
            holds(&format!("{operator}IfExists"), &[value], None),
            "{operator}IfExists"
        );
        assert!(holds(&format!("ForAllValues:{operator}"), &[value], None));
        assert!(!holds(&format!("ForAnyValue:{operator}"), &[value], None));
        assert!(holds(
            &format!("ForAnyValue:{operator}IfExists"),
            &[value],
            None
        ));
    }
    assert!(holds("Null", &["true"], None));
    assert!(!holds("Null", &["false"], None));
    assert!(holds("Null", &["false"], Some(&["x"])));
    assert!(!holds("Null", &["true"], Some(&["x"])));
}

#[test]
fn several_values_are_alternatives_and_a_negation_excludes_them_all() {
    assert!(holds("StringEquals", &["a", "b"], Some(&["b"])));
    assert!(!holds("StringNotEquals", &["a", "b"], Some(&["b"])));
    assert!(holds("StringNotEquals", &["a", "b"], Some(&["c"])));
    assert!(!holds("StringEquals", &[], Some(&["c"])));
}

#[test]
fn set_operators_ask_all_or_any_of_the_requests_values() {
    for (operator, values, actual, expected) in [
        (
            "ForAllValues:StringEquals",
            &["a", "b"][..],
            &["a"][..],
            true,
        ),
        ("ForAllValues:StringEquals", &["a", "b"], &["a", "c"], false),
        ("ForAnyValue:StringEquals", &["a", "b"], &["a", "c"], true),
        ("ForAnyValue:StringEquals", &["a", "b"], &["c"], false),
        (
            "ForAllValues:StringNotEquals",
            &["a", "b"],
            &["c", "d"],
            true,
        ),
        (
            "ForAllValues:StringNotEquals",
            &["a", "b"],
            &["c", "a"],
            false,
        ),
        (
            "ForAnyValue:StringNotEquals",
            &["a", "b"],
            &["a", "c"],
            true,
        ),
        (
            "ForAnyValue:StringNotEquals",
            &["a", "b"],
            &["a", "b"],
            false,
        ),
        ("ForAllValues:StringLike", &["x*"], &["x1", "x2"], true),
        ("ForAnyValue:StringLikeIfExists", &["x*"], &["y"], false),
    ] {
        assert_eq!(
            holds(operator, values, Some(actual)),
            expected,
            "{operator} {values:?} {actual:?}"
        );
    }
}

#[test]
fn unknown_operators_and_values_are_refused() {
    let parse = |operator: &str, value: &str| Condition::parse(operator, "k", [value], true).err();
    for operator in [
        "",
        "stringequals",
        "StringMatches",
        "ForSomeValues:StringEquals",
        "NullIfExists",
        "IfExists",
        "StringEqualsIfExistsIfExists",
    ] {
        assert_eq!(
            parse(operator, "true"),
            Some(ConditionError::Operator),
            "{operator}"
        );
    }
    for (operator, value) in [
        ("NumericEquals", "one"),
        ("NumericEquals", "inf"),
        ("DateEquals", "yesterday"),
        ("Bool", "yes"),
        ("Null", "${aws:yes}"),
        ("IpAddress", "203.0.113.0/33"),
        ("IpAddress", "example.com"),
    ] {
        assert_eq!(
            parse(operator, value),
            Some(ConditionError::Value),
            "{operator} {value}"
        );
    }
}

#[test]
fn variables_mean_nothing_in_old_policies() {
    let mut context = Context::new();
    context.set("aws:username", "alice");
    context.set("k", "alice");
    let old = Condition::parse("StringEquals", "k", ["${aws:username}"], false).unwrap();
    assert!(!old.holds(&context));
    context.set("k", "${aws:username}");
    assert!(old.holds(&context));
}

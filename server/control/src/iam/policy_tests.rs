use super::*;
use crate::iam::principal_element::PrincipalPattern;
use proptest::prelude::*;

fn identity(document: &str) -> Result<Policy, MalformedPolicy> {
    Policy::parse(document, PolicyKind::Identity)
}

fn with(statement: &str, kind: PolicyKind) -> Result<Policy, MalformedPolicy> {
    Policy::parse(
        &format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#),
        kind,
    )
}

#[test]
fn a_document_is_read_in_all_its_forms() {
    let policy = identity(
        r#"{"Version": "2012-10-17", "Id": "x", "Statement": [
            {"Sid": "One", "Effect": "Allow", "Action": "elasticfilesystem:*", "Resource": "*"},
            {"Effect": "Deny", "NotAction": ["iam:Get*", "iam:List*"],
             "NotResource": ["arn:aws:iam::*:user/${aws:username}"],
             "Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"x:n": 5}}}]}"#,
    )
    .unwrap();
    assert!(policy.variables);
    assert_eq!(policy.statements.len(), 2);
    assert_eq!(policy.statements[0].sid.as_deref(), Some("One"));
    assert_eq!(policy.statements[1].effect, Effect::Deny);
    assert_eq!(policy.statements[1].conditions.len(), 2);
    let old = identity(
        r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
    );
    assert!(!old.unwrap().variables);
    assert!(
        !identity(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#)
            .unwrap()
            .variables
    );
}

#[test]
fn what_is_wrong_is_said_in_iams_words() {
    use MalformedPolicy as M;
    for (statement, expected) in [
        (r#"[]"#, M::Syntax),
        (r#"5"#, M::Syntax),
        (r#"{"Action":"a:b","Resource":"*"}"#, M::Syntax),
        (
            r#"{"Effect":"allow","Action":"a:b","Resource":"*"}"#,
            M::Syntax,
        ),
        (r#"{"Effect":"Allow","Resource":"*"}"#, M::NoActions),
        (
            r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#,
            M::NoActions,
        ),
        (r#"{"Effect":"Allow","Action":"a:b"}"#, M::NoResources),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":[]}"#,
            M::NoResources,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","NotAction":"a:c","Resource":"*"}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","NotResource":"*"}"#,
            M::Syntax,
        ),
        (r#"{"Effect":"Allow","Action":5,"Resource":"*"}"#, M::Syntax),
        (
            r#"{"Effect":"Allow","Action":["a:b",5],"Resource":"*"}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Extra":1}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Action":"ab","Resource":"*"}"#,
            M::NoVendor,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b:c","Resource":"*"}"#,
            M::Colons,
        ),
        (
            r#"{"Effect":"Allow","Action":"a b:c","Resource":"*"}"#,
            M::Vendor("a b".into()),
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"fs-1"}"#,
            M::NotArn("fs-1".into()),
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"arn:aws"}"#,
            M::ResourceVendor,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:s3"}"#,
            M::Legacy,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:s?:::x"}"#,
            M::ResourceVendor,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"arn:azure:s3:::x"}"#,
            M::Partition {
                partition: "azure".into(),
                resource: "arn:azure:s3:::x".into(),
            },
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:iam:us-east-1:1:user/x"}"#,
            M::IamRegion("arn:aws:iam:us-east-1:1:user/x".into()),
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Principal":"*"}"#,
            M::HasPrincipal,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Sid":"a b"}"#,
            M::Sid,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"Equals":{"a:b":"c"}}}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":"c"}}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":{"a:b":[[]]}}}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":{"b":"c"}}}"#,
            M::NoVendor,
        ),
        (
            r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"DateEquals":{"a:b":"c"}}}"#,
            M::Legacy,
        ),
        (
            r#"[{"Sid":"A","Effect":"Allow","Action":"a:b","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"a:b","Resource":"*"}]"#,
            M::DuplicateSid,
        ),
    ] {
        assert_eq!(
            with(statement, PolicyKind::Identity).unwrap_err(),
            expected,
            "{statement}"
        );
    }
    for document in [
        "",
        "{",
        "[]",
        r#"{"Version":"2012-10-17"}"#,
        r#"{"Version":"2015-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
        r#"{"Version":"2012-10-17","Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}} x"#,
        r#"{"Version":"2012-10-17","Statements":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
    ] {
        assert_eq!(identity(document), Err(M::Syntax), "{document}");
    }
    let deep = format!(
        r#"{{"Version":"2012-10-17","Statement":{}{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    assert_eq!(identity(&deep), Err(M::Syntax));
}

#[test]
fn a_trust_policy_says_who_and_only_for_assuming() {
    use MalformedPolicy as M;
    let trust = |statement: &str| with(statement, PolicyKind::Trust);
    let policy = trust(
        r#"{"Effect":"Allow","Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:user/p/alice","arn:aws:sts::123456789012:assumed-role/r/s"],"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}"#,
    )
    .unwrap();
    assert_eq!(
        policy.statements[0]
            .principal
            .as_ref()
            .unwrap()
            .patterns
            .len(),
        4
    );
    for (statement, expected) in [
        (
            r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#,
            M::NoPrincipal,
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#,
            M::HasResource,
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}"#,
            M::TrustAction,
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"*"}"#,
            M::TrustAction,
        ),
        (
            r#"{"Effect":"Allow","Principal":"alice","Action":"sts:AssumeRole"}"#,
            M::Principal {
                kind: "AWS".into(),
                value: "alice".into(),
            },
        ),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/*"},"Action":"sts:AssumeRole"}"#,
            M::Principal {
                kind: "AWS".into(),
                value: "arn:aws:iam::123456789012:user/*".into(),
            },
        ),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:group/g"},"Action":"sts:AssumeRole"}"#,
            M::Principal {
                kind: "AWS".into(),
                value: "arn:aws:iam::123456789012:group/g".into(),
            },
        ),
        (
            r#"{"Effect":"Allow","Principal":{"Service":"ec2"},"Action":"sts:AssumeRole"}"#,
            M::Principal {
                kind: "Service".into(),
                value: "ec2".into(),
            },
        ),
        (
            r#"{"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Principal":{"Group":"x"},"Action":"sts:AssumeRole"}"#,
            M::Syntax,
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","NotPrincipal":"*","Action":"sts:AssumeRole"}"#,
            M::Syntax,
        ),
    ] {
        assert_eq!(trust(statement).unwrap_err(), expected, "{statement}");
    }
}

#[test]
fn a_resource_policy_may_leave_its_resource_out() {
    let policy = with(
        r#"{"Sid":"efs-statement-1","Effect":"Allow","Principal":{"AWS":"*"},"Action":"elasticfilesystem:ClientMount"}"#,
        PolicyKind::Resource,
    )
    .unwrap();
    let statement = &policy.statements[0];
    assert_eq!(
        statement.principal.as_ref().unwrap().patterns,
        [PrincipalPattern::Everybody]
    );
    assert!(statement.covers("elasticfilesystem:clientmount", "arn:any", &Context::new()));
}

#[test]
fn actions_ignore_case_and_resources_do_not() {
    let policy = with(
        r#"{"Effect":"Allow","Action":"ElasticFileSystem:describe*","Resource":"arn:aws:elasticfilesystem:*:*:file-system/fs-1"}"#,
        PolicyKind::Identity,
    )
    .unwrap();
    let covers = |action: &str, resource: &str| {
        policy.statements[0].covers(action, resource, &Context::new())
    };
    assert!(covers(
        "elasticfilesystem:describefilesystems",
        "arn:aws:elasticfilesystem:r:1:file-system/fs-1"
    ));
    assert!(!covers(
        "elasticfilesystem:describefilesystems",
        "arn:aws:elasticfilesystem:r:1:file-system/FS-1"
    ));
    assert!(!covers(
        "elasticfilesystem:deletefilesystem",
        "arn:aws:elasticfilesystem:r:1:file-system/fs-1"
    ));
    assert!(
        !covers("elasticfilesystem:describefilesystems", "*"),
        "a call without resource needs *"
    );
}

#[test]
fn white_space_is_not_counted() {
    assert_eq!(size("{ \"a\" :\n\t\"b\" }"), 9);
}

proptest! {
    #[test]
    fn reading_never_panics(text in r#"[\[\]{}":,A-Za-z*$ ]{0,120}"#) {
        for kind in [PolicyKind::Identity, PolicyKind::Trust, PolicyKind::Resource] {
            let _ = Policy::parse(&text, kind);
        }
    }

    #[test]
    fn nonsense_in_the_right_place_never_panics(effect in "Allow|Deny|x", action in "[a-z:*?$\\{\\}]{0,12}", resource in "(arn:)?[a-z:*?$\\{\\}]{0,30}", operator in "StringLike|Null|IpAddress|[A-Z]{1,3}", value in "\\PC{0,10}") {
        let json = serde_json::json!({"Statement": {"Effect": effect, "Action": action, "Resource": resource, "Condition": {operator: {"aws:x": value}}}});
        if let Ok(policy) = identity(&json.to_string()) {
            let _ = policy.statements[0].covers("a:b", "arn:aws:a:b:c:d", &Context::new());
            let _ = policy.statements[0].conditions_hold(&Context::new());
        }
    }
}

module example.com/localefs

go 1.19

require (
	github.com/aws/aws-sdk-go-v2 v1.17.1
	github.com/aws/aws-sdk-go-v2/credentials v1.13.2
	github.com/aws/aws-sdk-go-v2/service/efs v1.18.3
)

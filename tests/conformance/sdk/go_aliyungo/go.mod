module ossia.test/go_aliyungo

go 1.24

require (
	github.com/aliyun/alibaba-cloud-sdk-go v1.63.107
	github.com/denverdino/aliyungo v0.0.0-20190125010748-a747050bb1ba
	ossia.test/harness v0.0.0
)

require (
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/opentracing/opentracing-go v1.2.1-0.20220228012449-10b1cf09e00b // indirect
	gopkg.in/ini.v1 v1.67.0 // indirect
)

replace ossia.test/harness => ../go_harness

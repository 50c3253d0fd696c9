module ossia.test/harness

go 1.24

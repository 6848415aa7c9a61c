// Looks names up one after the other, and says of each whether it was found.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

func main() {
	resolver := net.Resolver{PreferGo: true}
	for _, name := range os.Args[1:] {
		result := "found"
		if _, err := resolver.LookupHost(context.Background(), name); err != nil {
			result = err.Error()
		}
		fmt.Println(name, result)
	}
}

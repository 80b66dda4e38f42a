package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

func main() {
	var wg sync.WaitGroup
	sum := make(chan int, 8)
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			time.Sleep(time.Millisecond)
			s := 0
			for k := 0; k < 1000000; k++ {
				s += k % (n + 1)
			}
			sum <- s
		}(i)
	}
	wg.Wait()
	total := 0
	for i := 0; i < 8; i++ {
		total += <-sum
	}
	fmt.Println("total", total)
	dir, err := os.ReadDir(".")
	fmt.Println(len(dir), err)
	if _, err := os.Stat("/nowhere"); !os.IsNotExist(err) {
		os.Exit(1)
	}
}

// gomemcache (bradfitz): text, over as many connections as it has calls at a time, and no way to sign in. So it comes to a
// listener that is bound to a credential.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func check(name string, body func() error) {
	if err := body(); err != nil {
		fmt.Printf("not ok %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	fmt.Println("ok", name)
}

func number(name string) int {
	value, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(err)
	}
	return value
}

func wanted(mc *memcache.Client, key, value string) error {
	item, err := mc.Get(key)
	if err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	if string(item.Value) != value {
		return fmt.Errorf("get %s: %d bytes, not the %d that were due", key, len(item.Value), len(value))
	}
	return nil
}

func refused(err, expected error) error {
	if !errors.Is(err, expected) {
		return fmt.Errorf("got %v, expected %v", err, expected)
	}
	return nil
}

func item(key, value string) *memcache.Item {
	return &memcache.Item{Key: key, Value: []byte(value)}
}

// A client for each goroutine's turn: they meet in one, which opens a connection for each that is under way.
func manyAtOnce(mc *memcache.Client) error {
	var group sync.WaitGroup
	faults := make(chan error, 2000)
	for worker := 0; worker < 20; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			for i := 0; i < 50; i++ {
				key := fmt.Sprintf("many:%d:%d", worker, i)
				if err := mc.Set(item(key, key)); err != nil {
					faults <- err
				} else if err := wanted(mc, key, key); err != nil {
					faults <- err
				}
			}
		}(worker)
	}
	group.Wait()
	select {
	case err := <-faults:
		return err
	default:
		return nil
	}
}

func main() {
	mc := memcache.New(os.Getenv("MEMCACHE_SERVERS"))
	mc.Timeout = 5 * time.Second
	limit, tooBig := number("INTEROP_ITEM_LIMIT"), number("INTEROP_TOO_BIG")

	check("set_and_get", func() error {
		for _, value := range []string{"value", "raw\x00\r\n", "", "END\r\n"} {
			if err := mc.Set(&memcache.Item{Key: "k", Value: []byte(value), Flags: 77}); err != nil {
				return err
			}
			got, err := mc.Get("k")
			if err != nil || string(got.Value) != value || got.Flags != 77 {
				return fmt.Errorf("got %v, %v", got, err)
			}
		}
		return nil
	})
	check("miss", func() error {
		_, err := mc.Get("absent")
		return refused(err, memcache.ErrCacheMiss)
	})
	check("multi_get", func() error {
		keys := []string{"absent"}
		for i := 0; i < 100; i++ {
			keys = append(keys, fmt.Sprintf("multi:%d", i))
			if err := mc.Set(item(keys[i+1], strings.Repeat("v", i))); err != nil {
				return err
			}
		}
		got, err := mc.GetMulti(keys)
		if err != nil || len(got) != 100 || len(got["multi:99"].Value) != 99 {
			return fmt.Errorf("%d items, %v", len(got), err)
		}
		return nil
	})
	check("flush", func() error {
		mc.Set(item("flushed", "x"))
		if err := mc.FlushAll(); err != nil {
			return err
		}
		_, err := mc.Get("flushed")
		return refused(err, memcache.ErrCacheMiss)
	})
	mc.Set(&memcache.Item{Key: "expires", Value: []byte("soon"), Expiration: 2})
	mc.Set(item("touched", "soon"))
	mc.Set(&memcache.Item{Key: "stays", Value: []byte("long"), Expiration: 3600})
	check("touch", func() error {
		if err := mc.Touch("touched", 2); err != nil {
			return err
		}
		return refused(mc.Touch("absent", 2), memcache.ErrCacheMiss)
	})
	check("add_and_replace", func() error {
		if err := mc.Add(item("added", "1")); err != nil {
			return err
		}
		if err := refused(mc.Add(item("added", "2")), memcache.ErrNotStored); err != nil {
			return err
		}
		if err := mc.Replace(item("added", "3")); err != nil {
			return err
		}
		if err := refused(mc.Replace(item("absent", "1")), memcache.ErrNotStored); err != nil {
			return err
		}
		return wanted(mc, "added", "3")
	})
	check("cas", func() error {
		mc.Set(item("cas", "1"))
		first, _ := mc.Get("cas")
		second, _ := mc.Get("cas")
		first.Value, second.Value = []byte("2"), []byte("3")
		if err := mc.CompareAndSwap(first); err != nil {
			return err
		}
		if err := refused(mc.CompareAndSwap(second), memcache.ErrCASConflict); err != nil {
			return err
		}
		mc.Delete("cas")
		if err := refused(mc.CompareAndSwap(second), memcache.ErrCacheMiss); err != nil {
			return err
		}
		return nil
	})
	check("incr_and_decr", func() error {
		mc.Set(item("n", "40"))
		for _, step := range []struct {
			call  func(string, uint64) (uint64, error)
			by    uint64
			value uint64
		}{{mc.Increment, 2, 42}, {mc.Decrement, 40, 2}, {mc.Decrement, 5, 0}} {
			if got, err := step.call("n", step.by); err != nil || got != step.value {
				return fmt.Errorf("got %d, %v", got, err)
			}
		}
		mc.Set(item("text", "abc"))
		if _, err := mc.Increment("text", 1); err == nil {
			return errors.New("text was counted up")
		}
		_, err := mc.Increment("absent", 1)
		return refused(err, memcache.ErrCacheMiss)
	})
	check("delete", func() error {
		mc.Set(item("deleted", "1"))
		if err := mc.Delete("deleted"); err != nil {
			return err
		}
		return refused(mc.Delete("deleted"), memcache.ErrCacheMiss)
	})
	check("many_at_once", func() error { return manyAtOnce(mc) })
	check("keys_of_250_bytes", func() error {
		long := strings.Repeat("k", 250)
		if err := mc.Set(item(long, "long")); err != nil {
			return err
		}
		return wanted(mc, long, "long")
	})
	check("biggest_value", func() error {
		value := bytes.Repeat([]byte("b"), limit-3)
		if err := mc.Set(&memcache.Item{Key: "big", Value: value}); err != nil {
			return err
		}
		return wanted(mc, "big", string(value))
	})
	check("too_big", func() error {
		if err := mc.Set(&memcache.Item{Key: "big", Value: make([]byte, tooBig-3)}); err == nil {
			return errors.New("it was stored")
		}
		_, err := mc.Get("big")
		return refused(err, memcache.ErrCacheMiss)
	})
	check("expiry", func() error {
		deadline := time.Now().Add(6 * time.Second)
		for _, key := range []string{"expires", "touched"} {
			for _, err := mc.Get(key); !errors.Is(err, memcache.ErrCacheMiss); _, err = mc.Get(key) {
				if time.Now().After(deadline) {
					return fmt.Errorf("%s did not expire", key)
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
		return wanted(mc, "stays", "long")
	})
}

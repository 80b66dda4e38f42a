# needs: ruby
# timeout: 60
ruby -e 'h = Hash.new(0); (1..10000).each { |i| h[i % 7] += i }; puts h.sort.map { |k, v| "#{k}=#{v}" }.join(","); puts File.readlines("/etc/passwd").size > 0'
ruby -e 'r, w = IO.pipe; pid = fork { r.close; w.puts "from #{Process.ppid == 0 ? 0 : :child}"; exit 3 }; w.close; puts r.read; Process.wait pid; p $?.exitstatus'
ruby -e 't = 4.times.map { |i| Thread.new { (1..1000).sum * i } }; p t.map(&:value); trap("USR1") { puts "usr1" }; Process.kill("USR1", $$); sleep 0.1; puts `echo back`; system("exit 4"); p $?.exitstatus'
ruby -rsocket -e 's = UNIXSocket.pair; s[0].puts "hi"; puts s[1].gets; q = Queue.new; Thread.new { 3.times { |i| q << i } }; p 3.times.map { q.pop }; begin; Integer("x"); rescue ArgumentError => e; puts e.message; end; exit 5'
echo $?

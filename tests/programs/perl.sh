# needs: perl
perl -e 'my %h; $h{$_ % 7} += $_ for 1..10000; print join(",", map {"$_=$h{$_}"} sort keys %h), "\n"; open(F, "<", "/etc/passwd") or die; my $n = () = <F>; print $n > 0, "\n"; print join(" ", sort { $a <=> $b } map { $_ * 3 % 11 } 1..10), "\n"; system("echo sub"); print `echo back`; exit 3'
echo $?

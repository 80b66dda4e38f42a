# needs: dpkg-deb
# timeout: 120
mkdir -p p/DEBIAN p/usr/share/p && printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: d\n' > p/DEBIAN/control && echo x > p/usr/share/p/x
dpkg-deb --root-owner-group -b p p.deb > /dev/null && dpkg-deb -f p.deb Package Version && dpkg-deb -c p.deb | awk '{print $1, $2, $6}' && dpkg-deb -x p.deb out && cat out/usr/share/p/x
dpkg -s bash 2>/dev/null | head -2

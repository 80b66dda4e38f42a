# needs: python3
# timeout: 120
/usr/bin/python3 - <<'END'
try:
    import numpy as np
except ImportError:
    print('no numpy')
else:
    a = np.arange(250000, dtype=float).reshape(500, 500) % 17
    b = a @ a.T
    print(b.sum(), np.linalg.matrix_rank(a[:50, :50]), np.sort(a.ravel())[:3], np.fft.fft(a[0])[:2].round(3))
END

"""mobilenet.h through Python's ctypes, without any package: c_interface_test.py LIBRARY MODEL.mnet ANKLE_BOOT.png"""
import ctypes as c
import sys
import unittest

LIBRARY, MODEL, PHOTO = sys.argv[1:4]


class Pixels(c.Structure):
    _fields_ = [("data", c.c_void_p), ("width", c.c_uint32), ("height", c.c_uint32), ("stride", c.c_size_t), ("format", c.c_int)]


class Prediction(c.Structure):
    _fields_ = [("class_index", c.c_uint32), ("probability", c.c_float), ("class_name", c.c_char_p)]


library = c.CDLL(LIBRARY)
library.mobilenet_pixels_of.argtypes = [c.c_void_p]
library.mobilenet_pixels_of.restype = Pixels
library.mobilenet_close.argtypes = library.mobilenet_free_image.argtypes = library.mobilenet_free.argtypes = [c.c_void_p]
library.mobilenet_classify.argtypes = [c.c_void_p, Pixels, c.POINTER(Prediction), c.POINTER(c.c_size_t), c.POINTER(c.c_void_p)]


def call(function, *arguments):
    """Calls a function whose last argument is the message, which becomes an exception."""
    message = c.c_void_p()
    if function(*arguments, c.byref(message)) != 0:
        text = c.string_at(message).decode()
        library.mobilenet_free(message)
        raise ValueError(text)


class Test(unittest.TestCase):
    def test_classify(self):
        classifier, photo = c.c_void_p(), c.c_void_p()
        call(library.mobilenet_open, MODEL.encode(), 1, c.byref(classifier))
        call(library.mobilenet_decode_file, PHOTO.encode(), None, c.byref(photo))
        best, count = (Prediction * 3)(), c.c_size_t(3)
        call(library.mobilenet_classify, classifier, library.mobilenet_pixels_of(photo), best, c.byref(count))
        self.assertEqual(count.value, 3)
        self.assertEqual(best[0].class_name, b"Ankle boot")
        self.assertGreater(best[0].probability, 0.5)
        library.mobilenet_free_image(photo)
        library.mobilenet_close(classifier)

    def test_error(self):
        classifier = c.c_void_p()
        with self.assertRaisesRegex(ValueError, "no such.mnet: cannot open"):
            call(library.mobilenet_open, b"no such.mnet", 1, c.byref(classifier))
        self.assertIsNone(classifier.value)


unittest.main(argv=sys.argv[:1])

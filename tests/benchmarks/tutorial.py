"""The tutorial's script as its readers run it today: one network after the other, stock Keras 3, plain Python loading.

`python tests/benchmarks/tutorial.py imdb.npz` prints the seconds of its parts as JSON. Only the loading call differs
from the text: today's Keras refuses a path outside its cache, so the file is copied into a temporary cache.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_HOME"] = tempfile.mkdtemp()

import keras
from keras import layers
from keras.src.datasets import imdb as imdb_module

started = time.perf_counter()
cached = Path(os.environ["KERAS_HOME"]) / "datasets" / "imdb.npz"
cached.parent.mkdir(parents=True)
shutil.copyfile(sys.argv[1], cached)
imdb_module.get_file = lambda **_: str(cached)  # The rebuilt file's SHA-256 is not the official one's.
(x_train, y_train), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=10_000)
x_train = keras.utils.pad_sequences(x_train, maxlen=500)
x_test = keras.utils.pad_sequences(x_test, maxlen=500)
seconds = {"load": time.perf_counter() - started}
for cell in (layers.SimpleRNN, layers.LSTM):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Embedding(10_000, 32), cell(32), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["acc"])
    started = time.perf_counter()
    model.fit(x_train, y_train, epochs=10, batch_size=128, validation_split=0.2, verbose=0)
    seconds[f"{cell.__name__} fit"] = time.perf_counter() - started
    started = time.perf_counter()
    _, accuracy = model.evaluate(x_test, y_test, batch_size=128, verbose=0)
    seconds[f"{cell.__name__} evaluate"] = time.perf_counter() - started
    print(f"{cell.__name__}: test accuracy {accuracy:.4f}", file=sys.stderr)
print(json.dumps({name: round(value, 2) for name, value in seconds.items()}))

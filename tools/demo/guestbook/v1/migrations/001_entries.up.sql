CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO entries (text) VALUES ('First!'), ('Nice place you have here.'), ('Greetings from Uppsala.');

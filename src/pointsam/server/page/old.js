// For browsers without modules: they would show a page on which nothing works.
(function () {
  var line = document.createElement("p");
  line.id = "too-old";
  line.setAttribute("role", "alert");
  line.style.padding = "1em";
  line.appendChild(document.createTextNode(
    "This browser is too old for this page: use a current Firefox, Chrome, Edge or Safari. " +
    "Nothing is lost; what you clicked is on this machine."
  ));
  while (document.body.firstChild) {
    document.body.removeChild(document.body.firstChild);
  }
  document.body.style.display = "block";
  document.body.appendChild(line);
})();

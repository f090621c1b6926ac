{* Makes a secret in the field beside it. *}
<a href="#" id="civishare-generate" class="crm-hover-button"><i class="crm-i fa-key" aria-hidden="true"></i> {ts domain="civishare"}Generate{/ts}</a>
{literal}
<script type="text/javascript">
  CRM.$(function ($) {
    $('#civishare-generate').on('click', function (event) {
      event.preventDefault();
      var bytes = crypto.getRandomValues(new Uint8Array(32));
      var secret = 'whsec_' + btoa(String.fromCharCode.apply(null, bytes));
      // Readable once, so that it can be copied to the other site.
      $('input[name=secret]').attr('type', 'text').val(secret).trigger('focus').trigger('select');
    });
  });
</script>
{/literal}
